from . import test_followup_plan
from . import test_followup_run
from . import test_install
from . import test_penalties
