from . import followup_preview
from . import mail_route
