from . import saas_message_preview
