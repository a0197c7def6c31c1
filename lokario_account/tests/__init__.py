from . import test_belongings
from . import test_deletion
from . import test_erasure_search
from . import test_install
from . import test_password
from . import test_private_page
from . import test_scheduled
from . import test_signup
