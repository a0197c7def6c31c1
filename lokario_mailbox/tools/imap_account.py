"""A mailbox's IMAP side: what is known of it as scalars, the way in, and the folders it has."""

import asyncio
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..exceptions import ServerFault
from .imap_session import Credentials, ImapSession, verified_context
from .imap_wire import decode_mailbox, wire_path
from .mailbox_login import MailboxLogin, TokenSource, TokensRenewed

if TYPE_CHECKING:  # a type only: these tools run without Odoo
    from .host_policy import HostPolicy

_SPECIAL = {
    b"\\SENT": "sent",
    b"\\DRAFTS": "drafts",
    b"\\ARCHIVE": "archive",
    b"\\JUNK": "junk",
    b"\\TRASH": "trash",
    b"\\ALL": "all",
    b"\\FLAGGED": "flagged",
    b"\\IMPORTANT": "important",
}
# Servers without SPECIAL-USE (RFC 6154): names people and providers give these folders, in the languages of the suite.
_USUAL_NAMES = {
    "sent": "sent|sent items|sent messages|sent mail|envoyes|elements envoyes|messages envoyes|objets envoyes"
    "|courrier envoye|gesendet|gesendete objekte|gesendete elemente|enviados|elementos enviados|mensajes enviados"
    "|inviati|inviata|posta inviata|elementi inviati|itens enviados|verzonden|verzonden items|verzonden berichten"
    "|wyslane|elementy wyslane|skickat|skickade objekt|gonderilmis|gonderilmis ogeler|gonderilenler",
    "drafts": "drafts|draft|brouillons|brouillon|entwurfe|borradores|bozze|rascunhos|concepten|kopie robocze"
    "|wersje robocze|szkice|utkast|taslaklar",
    "archive": "archive|archives|archiv|archivo|archivio|arquivo|archief|archiwum|arkiv|arsiv",
    "junk": "junk|junk e mail|junk email|junk mail|spam|bulk mail|courrier indesirable|indesirable|indesirables"
    "|pourriel|pourriels|spamverdacht|unerwunscht|unerwunschte werbung|correo no deseado|posta indesiderata"
    "|lixo eletronico|lixo|ongewenste e mail|ongewenst|wiadomosci smieci|skrappost|onemsiz|gereksiz e posta|istenmeyen",
    "trash": "trash|bin|deleted|deleted items|deleted messages|corbeille|elements supprimes|messages supprimes"
    "|papierkorb|geloschte objekte|geloschte elemente|papelera|elementos eliminados|cestino|posta eliminata|lixeira"
    "|itens excluidos|prullenbak|verwijderde items|kosz|elementy usuniete|papperskorgen|borttaget"
    "|cop kutusu|silinmis ogeler",
}
_USE_OF_NAME = {name: use for use, names in _USUAL_NAMES.items() for name in names.split("|")}
_ABOVE = {"", "inbox", "[gmail]", "[google mail]", "mail"}  # a folder "Sent" under another one is somebody's else
_ALIKE = str.maketrans({"ł": "l", "ı": "i", "ø": "o", "-": " ", "_": " "})


NAME_MAX = 1000  # bytes of a folder's name


@dataclass(frozen=True)
class MailboxPlan:
    """How to reach one mailbox, in scalars: the network side never sees a record."""

    id: int
    host: str
    port: int
    security: str
    login: str
    secret: str = field(repr=False, default="")
    token_source: TokenSource | None = None
    policy: "HostPolicy | None" = None
    ca_file: str | None = None
    check_timeout: float = 15  # seconds for connection, login and status of all folders


async def credentials_of(plan, emit):
    """Login and secret; an OAuth token is renewed when it is about to end, and handed to ``emit`` before its use."""
    renewed = []
    login = MailboxLogin(plan.login, plan.secret, plan.token_source)
    method, secret = await asyncio.to_thread(login.secret, lambda *tokens: renewed.append(tokens))
    for tokens in renewed:
        await emit(TokensRenewed(plan.id, *tokens))
    return Credentials(plan.login, secret, method)


async def connect(plan):
    """A session on the plan's server, address checked and pinned, not yet logged in."""
    pinned = await asyncio.to_thread(plan.policy.pin, plan.host, plan.port)
    context = None if plan.security == "none" else verified_context(plan.ca_file)
    return await ImapSession.connect(pinned, plan.security, timeout=plan.check_timeout, context=context)


async def list_folders(session):
    """(wire path, name, special use, selectable) of every folder, one mailbox once."""
    command = 'LIST "" "*"'
    if "SPECIAL-USE" in session.capabilities:
        command += " RETURN (SPECIAL-USE)"
    reply = await session.run(command)
    rows = []
    for row in reply.rows(b"LIST"):
        if not _is_folder(row):
            session.skipped += 1
            continue
        flags = {flag.upper() for flag in row[0] if isinstance(flag, bytes)}
        delimiter = (row[1] or b"/").decode("ascii", "replace")
        path = wire_path(row[2])
        name = decode_mailbox(row[2] or b"NIL")
        selectable = not flags & {b"\\NOSELECT", b"\\NONEXISTENT"}
        rows.append((path, name, _special_use(flags, name, delimiter), selectable))
    if not rows:
        raise ServerFault("The server's list of folders cannot be read.")
    return tuple(dict((row[0], row) for row in rows).values())


def _is_folder(row):
    """Whether it names a folder in a way that can be read, stored and said again."""
    if len(row) < 3 or not isinstance(row[0], list) or isinstance(row[1], list) or isinstance(row[2], list):
        return False
    name = row[2] or b""
    return len(name) <= NAME_MAX and not re.search(rb"[\r\n\0]", name)


def _special_use(flags, name, delimiter):
    if name.upper() == "INBOX":
        return "inbox"
    for flag, use in _SPECIAL.items():
        if flag in flags:
            return use
    above, _delimiter, last = name.rpartition(delimiter)
    return _USE_OF_NAME.get(_alike(last), "") if above.lower() in _ABOVE else ""


def _alike(name):
    """A name without case and accents."""
    plain = unicodedata.normalize("NFKD", name.strip().lower()).translate(_ALIKE)
    return "".join(letter for letter in plain if not unicodedata.combining(letter))
