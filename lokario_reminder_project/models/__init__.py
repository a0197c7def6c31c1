from . import due_notice
from . import project_task
from . import res_config_settings
