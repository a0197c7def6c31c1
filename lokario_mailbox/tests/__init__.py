from . import test_integration
from . import test_sending_tools
from . import test_lanes
from . import test_mail_server
