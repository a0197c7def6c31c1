from . import test_followup_plan
from . import test_install
from . import test_penalties
