from . import models, wizards
from .hooks import keep_edited_records, take_over_from_inbox
