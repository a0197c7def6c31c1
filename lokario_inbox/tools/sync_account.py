"""One look at one account: connect, ask every folder, tell the writer what is new.

Runs in the network loop. All it knows is in its AccountPlan, all it finds goes to ``emit``.
"""

import asyncio
import logging

from ..exceptions import ConfigurationFault, MailboxError, ServerFault
from .folder_sync import audit_folder, sync_folder
from .imap_session import Credentials, ImapSession, verified_context
from .imap_wire import decode_mailbox, number, pairs, quote
from .oauth_token import is_fresh, renew
from .push_changes import push_changes
from .sync_plan import Finished, FoldersListed, TokensRenewed

_logger = logging.getLogger(__name__)

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
# Servers without SPECIAL-USE (RFC 6154): names people and providers give these folders.
_USUAL_NAMES = {
    "sent": "sent",
    "sent items": "sent",
    "sent messages": "sent",
    "sent mail": "sent",
    "envoyés": "sent",
    "éléments envoyés": "sent",
    "messages envoyés": "sent",
    "gesendet": "sent",
    "gesendete objekte": "sent",
    "drafts": "drafts",
    "brouillons": "drafts",
    "entwürfe": "drafts",
    "archive": "archive",
    "archives": "archive",
    "archiv": "archive",
    "junk": "junk",
    "junk e-mail": "junk",
    "spam": "junk",
    "courrier indésirable": "junk",
    "indésirables": "junk",
    "trash": "trash",
    "deleted items": "trash",
    "deleted messages": "trash",
    "corbeille": "trash",
    "éléments supprimés": "trash",
    "papierkorb": "trash",
}


async def sync_account(plan, emit):
    """Run one plan; always ends with exactly one Finished event, whatever happens."""
    session, is_healthy, outcome = None, False, {"error_class": "stopped"}
    try:
        credentials = await credentials_of(plan, emit)
        async with asyncio.timeout(plan.check_timeout):
            session = await connect(plan)
            statuses = await _log_in(session, plan, credentials)
        outcome = await _work(session, plan, statuses, emit)
        is_healthy = True
    except MailboxError as err:
        outcome = {"error_class": err.error_class, "error": str(err)}
    except TimeoutError:
        outcome = {"error_class": "network", "error": "The server is too slow."}
    except Exception as err:  # a fault of ours: the loop goes on, this account says so
        _logger.exception("Mailbox %s: unexpected fault while synchronising", plan.id)
        outcome = {"error_class": "server", "error": f"Unexpected fault, see the log: {type(err).__name__}"}
    finally:
        moved = session.bytes_in + session.bytes_out if session else 0
        try:
            await emit(Finished(plan.id, bytes_moved=moved, **outcome))
            if is_healthy:
                await session.logout()
        finally:
            if session:
                session.abort()


async def credentials_of(plan, emit):
    """Login and secret; an OAuth token is renewed when it is about to end."""
    source = plan.token_source
    if source is None:
        if not plan.secret:
            raise ConfigurationFault("No password is stored.")
        return Credentials(plan.login, plan.secret)
    if is_fresh(source.access_token, source.expires_at):
        return Credentials(plan.login, source.access_token, "oauth")
    if not source.refresh_token:
        raise ConfigurationFault("The account is not connected to its provider yet.")
    access, refresh, expires_at = await asyncio.to_thread(renew, source)
    await emit(TokensRenewed(plan.id, access, refresh, expires_at))
    return Credentials(plan.login, access, "oauth")


async def connect(plan):
    """A session on the plan's server, address checked and pinned, not yet logged in."""
    pinned = await asyncio.to_thread(plan.policy.pin, plan.host, plan.port)
    context = None if plan.security == "none" else verified_context(plan.ca_file)
    return await ImapSession.connect(pinned, plan.security, timeout=plan.check_timeout, context=context)


async def _log_in(session, plan, credentials):
    """Log in and, once that is answered, ask every folder's status in one write."""
    await session.login(credentials)
    if not plan.list_folders and plan.purpose == "sync":
        session.capabilities = session.capabilities or plan.capabilities
    await session.ask_capabilities()
    commands = [_status(folder, session.capabilities) for folder in plan.folders]
    replies = await session.pipeline(*commands) if commands else []
    return [_parse_status(reply, folder.path) for reply, folder in zip(replies, plan.folders, strict=True)]


def _status(folder, capabilities):
    modseq = b" HIGHESTMODSEQ" if "CONDSTORE" in capabilities else b""
    return b"STATUS %s (MESSAGES UIDNEXT UIDVALIDITY%s)" % (quote(folder.path), modseq)


def _parse_status(reply, path):
    """STATUS numbers of one folder as a dict, None when it is gone or refused."""
    named = [row for row in reply.rows(b"STATUS") if row and _same_folder(row[0], path)]
    if reply.status != b"OK" or not named or not isinstance(named[-1][-1], list):
        return None
    values = named[-1][-1]
    return {key.decode("ascii", "replace"): number(value) for key, value in pairs(values).items()}


def _same_folder(found, path):
    text = _path(found)
    return text == path or (path.upper() == "INBOX" and text.upper() == "INBOX")


def _path(name):
    """The name of a folder as text; a folder may be called NIL, which reads as nothing."""
    return "NIL" if name is None else name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else ""


async def _work(session, plan, statuses, emit):
    if plan.list_folders:
        skipped = session.skipped
        rows = await list_folders(session)
        await emit(FoldersListed(plan.id, rows, session.capabilities, complete=session.skipped == skipped))
        if not plan.folders:
            return {"again": True}
    await push_changes(session, plan, emit)
    again, faults = False, []
    present = [(folder, status) for folder, status in zip(plan.folders, statuses, strict=True) if status is not None]
    for folder, status in present:
        try:
            again |= await _work_on_folder(session, plan, folder, status, emit)
        except ServerFault as err:  # ends this folder, the others go on
            if err.ends_connection:
                raise
            faults.append(f"{folder.path}: {err}")
    if faults and len(faults) == len(present):
        raise ServerFault("; ".join(faults))
    return {"again": again, "warning": "; ".join(faults)}


async def _work_on_folder(session, plan, folder, status, emit):
    """Look at one folder as the plan wants; returns whether there is more to fetch at once."""
    if plan.purpose == "audit":
        if folder.audit:
            await audit_folder(session, plan, folder, emit)
        return False
    if _is_unchanged(folder, status, plan):
        return False
    result = await sync_folder(session, plan, folder, emit)
    return result.again or (result.backfill and plan.purpose == "backfill")


def _is_unchanged(folder, status, plan):
    """Nothing to do: UIDVALIDITY, UIDNEXT, count and, where offered, HIGHESTMODSEQ are as stored."""
    return (
        not folder.missing
        and not (folder.backfill_uid and plan.purpose == "backfill")
        and str(status.get("UIDVALIDITY", "")) == folder.uidvalidity
        and status.get("UIDNEXT") == folder.uidnext
        and status.get("MESSAGES") == folder.message_count
        and "HIGHESTMODSEQ" in status
        and str(status["HIGHESTMODSEQ"]) == folder.highestmodseq
    )


async def list_folders(session):
    """(wire path, name, special use, selectable) of every folder, one mailbox once."""
    command = 'LIST "" "*"'
    if "SPECIAL-USE" in session.capabilities:
        command += " RETURN (SPECIAL-USE)"
    reply = await session.run(command)
    rows = []
    for row in reply.rows(b"LIST"):
        if len(row) < 3 or not isinstance(row[0], list) or isinstance(row[1], list) or isinstance(row[2], list):
            session.skipped += 1
            continue
        flags = {flag.upper() for flag in row[0] if isinstance(flag, bytes)}
        delimiter = (row[1] or b"/").decode("ascii", "replace")
        path = _path(row[2])
        name = decode_mailbox(path.encode("utf-8", "surrogateescape"))
        selectable = not flags & {b"\\NOSELECT", b"\\NONEXISTENT"}
        rows.append((path, name, _special_use(flags, name, delimiter), selectable))
    if not rows:
        raise ServerFault("The server's list of folders cannot be read.")
    return tuple(dict((row[0], row) for row in rows).values())


def _special_use(flags, name, delimiter):
    if name.upper() == "INBOX":
        return "inbox"
    for flag, use in _SPECIAL.items():
        if flag in flags:
            return use
    last = name.rsplit(delimiter, 1)[-1].strip().lower()
    top = name.count(delimiter) <= 1
    return _USUAL_NAMES.get(last, "") if top else ""
