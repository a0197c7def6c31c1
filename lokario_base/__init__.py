from . import controllers
from . import models
from .tools import redaction

redaction.install()
