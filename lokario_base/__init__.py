from . import controllers
from . import models
from . import wizards
from .tools import redaction

redaction.install()
