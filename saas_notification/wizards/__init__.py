from . import saas_reminder_preview
