from . import inbox_link_wizard
from . import inbox_answer_settings
