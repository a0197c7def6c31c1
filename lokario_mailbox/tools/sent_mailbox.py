"""The mailbox's own folders as a record of what left: is the mail there, file it, tidy it. One connection a visit."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..exceptions import MailboxError
from .imap_account import list_folders
from .imap_session import Credentials, ImapSession
from .imap_wire import format_uids, number, quote

if TYPE_CHECKING:  # a type only: these tools run without Odoo
    from .host_policy import HostPolicy

TIMEOUT = 30  # seconds for each answer
SLOWEST = 32 * 1024  # bytes a second that a server takes at least


class MailboxUnavailable(Exception):
    """The mailbox could not be asked: nothing is known. `login` distinguishes refused credentials."""

    def __init__(self, text: str, *, login: bool = False):
        super().__init__(text)
        self.login = login


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


class SentMailbox:
    """`with SentMailbox(access, sent="Sent", drafts="Drafts") as box:`; raises MailboxUnavailable only.

    Blocks its thread: the session's event loop runs while a call waits for the server.
    """

    def __init__(self, access: Access, *, sent: str = "", drafts: str = ""):
        self._access, self._names = access, {"sent": sent, "drafts": drafts, "inbox": "INBOX"}
        self._runner, self._session = asyncio.Runner(), None

    def __enter__(self):
        access = self._access
        try:
            with _translated():
                pinned = access.policy.pin(access.host, access.port)
                opening = ImapSession.connect(pinned, access.security, timeout=access.timeout, context=access.context)
                self._session = self._runner.run(opening)
                user, method, secret = access.credentials()
                self._runner.run(self._session.login(Credentials(user, secret, method)))
                self._runner.run(self._session.ask_capabilities())
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_exc):
        with contextlib.suppress(MailboxError, OSError):
            self._runner.run(self._session.logout())
        self._close()

    def _close(self):
        if self._session:
            self._session.abort()
        self._runner.close()

    def _run(self, command: bytes):
        with _translated():
            return self._runner.run(self._session.run(command, timeout=self._access.timeout))

    def folder(self, use: str) -> str:
        """Return the name of the folder for "sent", "drafts" or "inbox", "" when the mailbox has none."""
        if not self._names.get(use):
            with _translated():
                folders = self._runner.run(list_folders(self._session))
            found = (path for path, _name, special_use, selectable in folders if special_use == use and selectable)
            self._names[use] = next(found, "")
        return self._names[use]

    def presence_of(self, message_id: str) -> str:
        """Return "present" when Sent, or the inbox by its Bcc self-copy, shows that a mail left, else "absent"."""
        return "present" if self.find("sent", message_id) or self.find("inbox", message_id) else "absent"

    def find(self, use: str, message_id: str) -> list[int]:
        """Return the UIDs of the mails with this Message-ID in a folder."""
        name = self.folder(use)
        if not name:
            return []
        self._run(b"EXAMINE " + quote(name))
        self._run(b"NOOP")  # makes servers with lazy views show what arrived this instant
        return self._search(message_id)

    def _search(self, message_id):
        reply = self._run(b"UID SEARCH HEADER Message-ID " + quote(message_id.strip("<>")))
        with _translated():
            return [uid for row in reply.rows(b"SEARCH") for uid in map(number, row) if uid]

    def append(self, use: str, raw: bytes, flags=(b"\\Seen",)) -> None:
        """File a mail; raises MailboxUnavailable when the mailbox has no such folder."""
        name = self.folder(use)
        if not name:
            raise MailboxUnavailable(f"The mailbox has no {use} folder.")
        timeout = self._access.timeout + len(raw) / SLOWEST
        with _translated():
            self._runner.run(self._session.append(quote(name), b" ".join(flags), raw, timeout=timeout))

    def remove(self, use: str, message_id: str, *, keep: int = 0) -> int:
        """Remove the mails with this Message-ID from a folder, the first `keep` of them excepted; returns how many."""
        uids = self.find(use, message_id)[keep:]
        if not uids:
            return 0
        numbers = format_uids(uids).encode()
        self._run(b"SELECT " + quote(self.folder(use)))
        self._run(b"UID STORE %s +FLAGS.SILENT (\\Deleted)" % numbers)
        if "UIDPLUS" in self._session.capabilities:
            self._run(b"UID EXPUNGE " + numbers)  # a plain EXPUNGE would also remove what the user marked
        return len(uids)


@contextlib.contextmanager
def _translated():
    try:
        yield
    except MailboxUnavailable:
        raise
    except MailboxError as err:
        raise MailboxUnavailable(str(err), login=err.error_class == "login") from err
    except (OSError, ValueError) as err:
        raise MailboxUnavailable(str(err)[:300] or type(err).__name__) from err
