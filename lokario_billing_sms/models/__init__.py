from . import followup_level
from . import followup_reminder
from . import res_partner
from . import sms_sms
from . import sms_tracker
