from . import models
from . import controllers
from . import wizards
from .hooks import keep_edited_records, take_over_records
