from . import test_install
from . import test_reading_tools
from . import test_threading
from . import test_conversation
from . import test_mime_builder
from . import test_outgoing_tools
from . import test_sync
from . import test_outgoing
