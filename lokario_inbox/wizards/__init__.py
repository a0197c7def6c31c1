from . import inbox_connection_test
from . import inbox_link_wizard
from . import inbox_answer_settings
from . import inbox_take_over
