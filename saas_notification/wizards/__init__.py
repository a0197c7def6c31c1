from . import saas_message_preview
from . import saas_reminder_preview
