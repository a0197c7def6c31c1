from . import test_contact
from . import test_deletion
from . import test_install
from . import test_scheduled
from . import test_secret
from . import test_signup
from . import test_system_mail
from . import test_vault
