from . import test_due_notice
from . import test_followup_plan
from . import test_followup_run
from . import test_install
from . import test_penalties
from . import test_scheduled
from . import test_statement
from . import test_wall
