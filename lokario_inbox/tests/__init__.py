from . import test_install
from . import test_reading_tools
from . import test_threading
