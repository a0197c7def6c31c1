from . import followup_draft
from . import inbox_answer_composer
from . import inbox_ai_provider
