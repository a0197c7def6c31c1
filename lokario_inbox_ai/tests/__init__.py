from . import test_ai
from . import test_ai_tools
from . import test_ai_rights
from . import test_trusted_values
from . import test_answer_journey
from . import test_reply_gate
from . import test_loop_simulator
