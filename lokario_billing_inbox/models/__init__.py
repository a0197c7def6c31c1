from . import delivery
from . import followup
from . import followup_step
from . import inbox_conversation
from . import inbox_message
