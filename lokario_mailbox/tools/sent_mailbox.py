"""The mailbox's own folders as evidence: is the mail there, file it, tidy it. One short IMAP connection per job."""

import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import imapclient
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError
from imapclient.imapclient import SocketTimeout

from ..exceptions import MailboxError

if TYPE_CHECKING:  # a type only: these tools run without Odoo
    from .host_policy import HostPolicy, PinnedHost

TIMEOUT = 30  # seconds for each answer


class MailboxUnavailable(Exception):
    """The mailbox could not be asked: nothing is known. `login` tells refused credentials from the rest."""

    def __init__(self, text: str, *, login: bool = False):
        super().__init__(text)
        self.login = login


class _PinnedClient(IMAPClient):
    """Connects to the checked address; the certificate is verified against the name."""

    def __init__(self, pinned: "PinnedHost", timeout: float, **options):
        self._pinned, self._patience = pinned, SocketTimeout(timeout, timeout)
        super().__init__(pinned.host, port=pinned.port, timeout=self._patience, **options)

    def _create_IMAP4(self):
        connection = _SOCKETS[self.ssl]
        arguments = (self.ssl_context,) if self.ssl else ()
        return connection(self._pinned, self._patience, *arguments)


class _Plain(imapclient.imap4.IMAP4WithTimeout):
    def __init__(self, pinned, patience):
        self._pinned, self._patience = pinned, patience
        super().__init__(pinned.host, pinned.port, patience)

    def _create_socket(self, timeout=None):
        return socket.create_connection((self._pinned.address, self._pinned.port), self._patience.connect)


class _Tls(imapclient.tls.IMAP4_TLS):
    def __init__(self, pinned, patience, context):
        self._pinned, self._patience = pinned, patience
        super().__init__(pinned.host, pinned.port, context, patience)

    def open(self, host="", port=993, timeout=None):
        self.host, self.port = host, port
        raw = socket.create_connection((self._pinned.address, port), self._patience.connect)
        self.sock = imapclient.tls.wrap_socket(raw, self.ssl_context, host)
        self.file = self.sock.makefile("rb")


_SOCKETS = {True: _Tls, False: _Plain}


@dataclass(frozen=True)
class Access:
    """How to reach a mailbox, as scalars; security: "ssl", "starttls" or "none".

    credentials() returns (user, "password" or "oauth", secret) right before the login; it may raise MailboxError.
    """

    policy: "HostPolicy"
    host: str
    port: int
    security: str
    credentials: Callable
    context: object = None
    timeout: float = TIMEOUT

    def login(self, client: IMAPClient) -> None:
        user, method, secret = self.credentials()
        if method == "oauth":
            client.oauth2_login(user, secret)
        else:
            client.login(user, secret)


class SentMailbox:
    """`with SentMailbox(access, sent="Sent", drafts="Drafts") as box:`; raises MailboxUnavailable only."""

    def __init__(self, access: Access, *, sent: str = "", drafts: str = ""):
        self._access, self._names = access, {"sent": sent, "drafts": drafts, "inbox": "INBOX"}

    def __enter__(self):
        with _translated():
            access = self._access
            options = {"ssl": access.security == "ssl", "ssl_context": access.context, "use_uid": True}
            self._client = _PinnedClient(access.policy.pin(access.host, access.port), access.timeout, **options)
            try:
                if access.security == "starttls":
                    self._client.starttls(access.context)
                access.login(self._client)
            except BaseException:
                self._client.shutdown()
                raise
        return self

    def __exit__(self, *_exc):
        with contextlib.suppress(OSError, IMAPClientError, imapclient.exceptions.ProtocolError):
            self._client.logout()

    def folder(self, use: str) -> str:
        """Return the name of the folder for "sent", "drafts" or "inbox", "" when the mailbox has none."""
        if not self._names.get(use):
            flag = {"sent": imapclient.imapclient.SENT, "drafts": imapclient.imapclient.DRAFTS}[use]
            with _translated():
                found = self._client.find_special_folder(flag)
                if not found:
                    known = [name for __, __, name in self._client.list_folders()]
                    wanted = {"sent": ("Sent", "INBOX.Sent", "Sent Items"), "drafts": ("Drafts", "INBOX.Drafts")}[use]
                    found = next((name for name in wanted if name in known), "")
            self._names[use] = found or ""
        return self._names[use]

    def evidence(self, message_id: str) -> str:
        """Return "present" when Sent, or the inbox by its hidden copy, shows that a mail left, else "absent"."""
        return "present" if self.find("sent", message_id) or self.find("inbox", message_id) else "absent"

    def find(self, use: str, message_id: str) -> list[int]:
        """Return the UIDs of the mails with this Message-ID in a folder."""
        name = self.folder(use)
        if not name:
            return []
        with _translated():
            self._client.select_folder(name, readonly=True)
            self._client.noop()  # makes servers with lazy views show what arrived this instant
            return self._client.search(["HEADER", "Message-ID", message_id.strip("<>")])

    def append(self, use: str, raw: bytes, flags=(imapclient.SEEN,)) -> None:
        """File a mail; raises MailboxUnavailable when the mailbox has no such folder."""
        name = self.folder(use)
        if not name:
            raise MailboxUnavailable(f"The mailbox has no {use} folder.")
        with _translated():
            self._client.append(name, raw, flags=flags)

    def remove(self, use: str, message_id: str, *, keep: int = 0) -> int:
        """Remove the mails with this Message-ID from a folder, the first `keep` of them excepted; returns how many."""
        uids = self.find(use, message_id)[keep:]
        if not uids:
            return 0
        with _translated():
            self._client.select_folder(self.folder(use))
            self._client.add_flags(uids, [imapclient.DELETED], silent=True)
            if self._client.has_capability("UIDPLUS"):
                self._client.uid_expunge(uids)  # a plain EXPUNGE would also remove what the user marked
        return len(uids)


@contextlib.contextmanager
def _translated():
    try:
        yield
    except MailboxUnavailable:
        raise
    except LoginError as err:
        raise MailboxUnavailable("The mailbox refused the login.", login=True) from err
    except MailboxError as err:
        raise MailboxUnavailable(str(err), login=err.error_class == "login") from err
    except (OSError, IMAPClientError, imapclient.exceptions.ProtocolError, ValueError) as err:
        raise MailboxUnavailable(str(err)[:300] or type(err).__name__) from err
