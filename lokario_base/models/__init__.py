from . import deletion_plan
from . import ir_cron
from . import mail_mail
from . import scheduled_run
from . import secret_mixin
