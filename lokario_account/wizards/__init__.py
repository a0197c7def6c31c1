from . import account_deletion_belonging
from . import account_deletion_request
