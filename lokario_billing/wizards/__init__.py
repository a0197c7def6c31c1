from . import followup_preview
