"""Logging in to a mailbox from any thread: what is known as scalars, what must be kept handed back."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ..exceptions import ConfigurationFault, ConsentRevoked
from .oauth_token import is_fresh, renew


@dataclass(frozen=True)
class TokenSource:
    """How to renew an OAuth access token: the endpoint, its form fields and what is known."""

    url: str
    fields: dict = field(repr=False, default_factory=dict)
    refresh_token: str = field(repr=False, default="")
    access_token: str = field(repr=False, default="")
    expires_at: int = 0


@dataclass(frozen=True)
class TokensRenewed:
    account_id: int
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: int = 0


@dataclass(frozen=True)
class MailboxLogin:
    """A user with a password, or with an OAuth token that is renewed when it is about to end."""

    user: str
    password: str = field(default="", repr=False)
    source: TokenSource | None = field(default=None, repr=False)

    def secret(self, keep: Callable) -> tuple[str, str]:
        """Return ("password" or "oauth", the secret).

        keep(access token, refresh token, expiry) is called with renewed tokens before they are used: the provider may
        have made the old refresh token useless. Raises ConfigurationFault, ConsentRevoked or NetworkFailure.
        """
        if not self.source:
            if not self.password:
                raise ConfigurationFault("No password is stored.")
            return "password", self.password
        if is_fresh(self.source.access_token, self.source.expires_at):
            return "oauth", self.source.access_token
        if not self.source.refresh_token:
            raise ConfigurationFault("The account is not connected to its provider yet.")
        tokens = renew(self.source)
        keep(*tokens)
        return "oauth", tokens[0]


def credentials(load: Callable, keep: Callable) -> tuple[str, str, str]:
    """Return (user, "password" or "oauth", secret); load() returns the MailboxLogin as it is known now.

    Another worker may have renewed the tokens meanwhile and the provider forgotten the old ones: looked at again once.
    """
    login = load()
    try:
        return login.user, *login.secret(keep)
    except ConsentRevoked:
        again = load()
        if again == login:
            raise
        return again.user, *again.secret(keep)
