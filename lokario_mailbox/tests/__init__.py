from . import test_integration
from . import test_sending_tools
from . import test_dispatcher
from . import test_mail_server
