from . import followup_draft
from . import inbox_ai_decision
from . import inbox_ai_provider
