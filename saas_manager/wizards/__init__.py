from . import saas_instance_convert
from . import saas_instance_suspend
from . import saas_instance_terminate
from . import saas_message_preview
