from . import saas_reminder
