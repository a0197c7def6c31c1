from . import test_ai
from . import test_ai_rights
from . import test_ai_tools
from . import test_answer_journey
from . import test_answer_tools
from . import test_answers
from . import test_hidden_text
from . import test_loop_simulator
