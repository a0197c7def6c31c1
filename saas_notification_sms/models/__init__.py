from . import res_config_settings
from . import saas_instance_mail
from . import saas_preference
from . import sms_tracker
