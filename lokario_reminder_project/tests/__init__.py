from . import test_late_tasks
from . import test_lost_race
from . import test_settings
