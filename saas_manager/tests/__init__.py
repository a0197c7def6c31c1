from . import test_naming
from . import test_rules
from . import test_filestore
from . import test_template
from . import test_instance_requests
from . import test_instance_guard
from . import test_instance_mail
from . import test_manager_copy
