from . import saas_contact
from . import saas_instance_mail
from . import saas_preference
from . import saas_reminder
