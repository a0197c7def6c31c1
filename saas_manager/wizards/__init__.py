from . import saas_instance_suspend
from . import saas_instance_terminate
