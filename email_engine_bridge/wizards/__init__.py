from . import engine_ip_change
from . import engine_ip_add
from . import engine_secret_shown
from . import engine_config_lint
from . import engine_dmarc_upload
