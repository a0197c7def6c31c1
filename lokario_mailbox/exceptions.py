"""What can go wrong with a mailbox, named by what the user can do about it."""


class MailboxError(Exception):
    """Base: ``error_class`` is one of const.ERROR_CLASSES; retried later with back-off."""

    error_class = "server"


class LoginRefused(MailboxError):
    """The server refused the credentials: the user must correct them."""

    error_class = "login"


class ConsentRevoked(LoginRefused):
    """The OAuth refresh token is no longer accepted: the user must connect again."""


class NetworkFailure(MailboxError):
    """No connection, cut connection or a server too slow to be waited for."""

    error_class = "network"


class CertificateRefused(MailboxError):
    """TLS failed: wrong host, expired or unknown issuer."""

    error_class = "tls"


class QuotaReached(MailboxError):
    """The provider throttles or the mailbox is full."""

    error_class = "quota"


class ServerFault(MailboxError):
    """The server answers, but wrongly."""

    error_class = "server"
    ends_connection = False  # said by a BYE, or the dialogue is out of step: nothing more can be asked


class ConnectionEnded(ServerFault):
    """The server said goodbye, or what it says cannot be followed any more."""

    ends_connection = True


class AddressRefused(MailboxError):
    """The host policy does not allow this address or port."""

    error_class = "policy"


class HostUnresolved(AddressRefused):
    """The name server does not know the host, or does not answer: worth another try, reported in the same words."""


class ConfigurationFault(MailboxError):
    """The integration lacks something needed to connect."""

    error_class = "configuration"
