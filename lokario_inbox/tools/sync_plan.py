"""What goes into the network side of a synchronisation, and the events that come out of it.

Scalars only: the network side never sees a record, the writing side never sees a socket.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from odoo.addons.lokario_mailbox.tools.imap_account import MailboxPlan

ARCHIVED = "\\Archived"  # a flag of ours, beside those of IMAP: in Gmail's "All Mail", but no longer in the inbox


@dataclass(frozen=True)
class FolderState:
    """What the database knows about a folder; ``missing`` is a uid-set the audit asks for."""

    id: int
    path: str
    special_use: str = ""
    uidvalidity: str = ""
    uidnext: int = 0
    cursor_uid: int = 0
    backfill_uid: int = 0
    highestmodseq: str = ""
    message_count: int = 0
    missing: str = ""
    audit: bool = False


@dataclass(frozen=True)
class Push:
    """Changes made here that the mailbox shall show too: flags of some UIDs, or a move."""

    folder_id: int
    uidvalidity: str
    path: str
    uids: tuple
    add: str = ""
    remove: str = ""
    move: str = ""  # use of the folder that it moves to: "archive", "junk", "inbox"
    move_to: str = ""  # the path of that folder; "" when it is there already
    leaves_inbox: bool = False  # Gmail keeps what is archived in "All Mail", without the label of the inbox
    message_ids: tuple = ()


@dataclass(frozen=True)
class AccountPlan(MailboxPlan):
    """One account of one run. ``purpose``: sync, backfill or audit."""

    capabilities: frozenset = frozenset()
    folders: tuple = ()
    pushes: tuple = ()
    list_folders: bool = False
    purpose: str = "sync"
    fetch_limit: int = 500  # messages a folder may deliver in this run


@dataclass(frozen=True)
class RawItem:
    """One message as it came: whole (``raw``), in parts (``mail``), ``is_stored``, or not at all (``problem``)."""

    uid: int
    flags: str
    internaldate: object
    size: int
    server_ref: str = ""  # the server's own name of this content, the same in every folder; "" when it has none
    is_stored: bool = False  # the writer has the content already: only its place is news
    raw: bytes | None = None
    mail: object = None
    problem: str = ""

    @property
    def weight(self):
        """Bytes held in memory."""
        parts = self.mail.attachments if self.mail else ()
        words = len(self.mail.body_text) + len(self.mail.body_html) if self.mail else 0
        return len(self.raw or b"") + sum(len(part.content or b"") for part in parts) + words + 500


# === EVENTS === #


async def ask_writer(emit, event, account_id, *values):
    """Emit an Asked event; returns the writer's answer."""
    loop = asyncio.get_running_loop()
    found = loop.create_future()

    def answer(value):
        loop.call_soon_threadsafe(lambda: found.done() or found.set_result(value))

    await emit(event(account_id, answer, *values))
    return await found


@dataclass(frozen=True)
class Event:
    account_id: int


@dataclass(frozen=True)
class FolderEvent(Event):
    folder_id: int
    uidvalidity: str


@dataclass(frozen=True)
class Asked(Event):
    """The network side waits: the writer calls ``answer`` once its transaction stands."""

    answer: Callable = field(repr=False)


@dataclass(frozen=True)
class FoldersListed(Asked):
    """``rows``: (wire path, name, special use or "", selectable); the answer: FolderStates to synchronise."""

    rows: tuple
    capabilities: frozenset
    complete: bool = True  # False: the server named folders in a way that could not be read


@dataclass(frozen=True)
class StoredAsked(Asked):
    """Of which mails is the content stored? ``sizes`` maps server refs to sizes; the answer: a set of the refs."""

    sizes: dict


@dataclass(frozen=True)
class Fetched(FolderEvent):
    """Messages to store with the cursor values that are true once they are stored."""

    items: tuple
    cursor_uid: int | None = None
    backfill_uid: int | None = None
    found_missing: bool = False
    missing_done: bool = False

    @cached_property
    def weight(self):
        return sum(item.weight for item in self.items)


@dataclass(frozen=True)
class FlagsSeen(FolderEvent):
    flags: dict


@dataclass(frozen=True)
class Vanished(FolderEvent):
    uids: tuple


@dataclass(frozen=True)
class Present(FolderEvent):
    """Every UID the folder holds (explicit SEARCH): what is not in it is gone."""

    uids: tuple


@dataclass(frozen=True)
class Renumbered(FolderEvent):
    """UIDVALIDITY changed. ``rows``: (uid, Message-ID, size, internaldate, flags, server ref)."""

    rows: tuple


@dataclass(frozen=True)
class Audited(FolderEvent):
    """What another connection says the folder holds: ``sizes`` maps UID to RFC822.SIZE."""

    sizes: dict


@dataclass(frozen=True)
class Checked(FolderEvent):
    uidnext: int
    highestmodseq: str
    message_count: int
    complete: bool


@dataclass(frozen=True)
class Pushed(Event):
    push: Push


@dataclass(frozen=True)
class Finished(Event):
    """The last event of an account; ``again``: another pass right away has work to do."""

    error_class: str = ""
    warning: str = ""  # folders that could not be read, while others could
    error: str = ""
    again: bool = False
    bytes_moved: int = 0
