"""What can go wrong around an instance, named by what the caller can do about it."""

import psycopg2

from odoo.addons.lokario_base.tools.transaction import LeaseLost


class SaasError(Exception):
    """Base of the addon's errors; the text is meant for a log, not for a client."""


class InvalidName(SaasError):
    """A subdomain or database name breaks the shared rule; ``code`` says which part of it."""

    def __init__(self, code, name):
        super().__init__(f"{code}: {name!r}")
        self.code = code
        self.name = name


class ServerUnreachable(SaasError):
    """PostgreSQL or the web server of a SaaS server does not answer: try again later."""


class OwnershipError(SaasError):
    """The database does not carry this manager's ownership tag: never touch it."""


class Busy(SaasError):
    """Somebody else works on this instance at this moment: try again."""


class DatabaseExists(SaasError):
    """A database or folder of that name exists already and is not this instance's."""


class NotClean(SaasError):
    """Verification found something of the template that must not reach a client."""


class VerificationFailed(SaasError):
    """The new instance did not answer as a working instance would."""


class BuildFailed(SaasError):
    """A template could not be built; the text ends with the last lines of the build."""


# What work on databases and their folders may fail with; anything else is a fault of ours.
TECHNICAL = (SaasError, LeaseLost, psycopg2.Error, OSError)
