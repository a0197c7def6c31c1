from . import test_integration
from . import test_consent
from . import test_outbox
from . import test_sending_tools
from . import test_dispatcher
from . import test_imap_append
from . import test_imap_answers
