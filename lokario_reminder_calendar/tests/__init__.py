from . import test_appointments
from . import test_settings
