from . import account_deletion_request
