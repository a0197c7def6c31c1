from . import due_notice
from . import res_config_settings
