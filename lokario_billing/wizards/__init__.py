from . import followup_call
from . import followup_preview
from . import followup_preview_start
from . import mail_route
