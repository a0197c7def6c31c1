from odoo.exceptions import UserError


class LokarioError(UserError):
    """Base of the errors that people see."""


class NoSecretKey(LokarioError):
    """A secret was to be stored, but no usable key is configured."""


class SecretUnreadable(LokarioError):
    """A stored secret cannot be decrypted: its key is gone, or it was copied from another record."""
