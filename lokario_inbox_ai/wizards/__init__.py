from . import inbox_answer_settings
