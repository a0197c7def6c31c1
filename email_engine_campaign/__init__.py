from . import models
from . import controllers
from . import wizards
from .hooks import forget_parameters, keep_edited_records, take_over_records
