from odoo.exceptions import AccessDenied, UserError


class LokarioError(UserError):
    """Base of the errors that people see."""


class NoSecretKey(LokarioError):
    """A secret was to be stored, but no usable key is configured."""


class SecretUnreadable(LokarioError):
    """A stored secret cannot be decrypted: its key is gone, or it was copied from another record."""


class TooManyTries(AccessDenied):
    """Too many wrong passwords; the text says when to try again."""


class NotAccepted(LokarioError):
    """A stranger's request is not taken; ``status`` is the HTTP status of the answer."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status
