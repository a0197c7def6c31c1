from . import saas_instance_convert
from . import saas_instance_suspend
from . import saas_instance_terminate
