from . import access_mixin
from . import inbox_integration
from . import inbox_sent_copy
from . import inbox_outgoing
from . import ir_mail_server
from . import res_users
from . import res_config_settings
from . import deletion_plan
