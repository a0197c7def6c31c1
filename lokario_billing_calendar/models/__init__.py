from . import calendar_event
from . import followup
