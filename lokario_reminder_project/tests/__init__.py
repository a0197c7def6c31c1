from . import test_late_tasks
from . import test_settings
