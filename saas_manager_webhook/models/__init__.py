from . import res_config_settings
from . import saas_destination
from . import saas_instance
from . import saas_instance_mail
from . import saas_webhook_delivery
from . import saas_webhook_target
