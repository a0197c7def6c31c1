from . import contact
from . import res_company
from . import res_config_settings
