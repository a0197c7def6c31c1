from . import test_api_frame
from . import test_install
from . import test_quota
