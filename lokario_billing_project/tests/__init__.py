from . import test_followup_project
