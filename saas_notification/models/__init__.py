from . import saas_contact
from . import saas_instance
from . import saas_instance_mail
from . import saas_preference
from . import saas_read_consent
from . import saas_reminder
