from . import test_followup_calendar
