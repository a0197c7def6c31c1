"""One synchronisation of one account: connect, ask every folder, hand the writer what is new.

Runs in the network loop. All it knows is in its AccountPlan, all it finds goes to ``emit``.
"""

import asyncio
import logging
from dataclasses import replace

from odoo.addons.lokario_mailbox.exceptions import MailboxError, NetworkFailure, ServerFault
from odoo.addons.lokario_mailbox.tools.imap_account import connect, credentials_of, list_folders
from odoo.addons.lokario_mailbox.tools.imap_wire import number, pairs, quote, wire_path

from .folder_sync import audit_folder, sync_folder
from .push_changes import push_changes
from .sync_plan import Finished, FoldersListed, ask_writer

_logger = logging.getLogger(__name__)
FAULTS_MAX = 5  # folders with a fault, beyond which no connection is made again in one look


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


async def _log_in(session, plan, credentials):
    """Log in and, once that is answered, ask every folder's status in one write."""
    await session.login(credentials)
    if not plan.list_folders and plan.purpose == "sync":
        session.capabilities = session.capabilities or plan.capabilities
    await session.ask_capabilities()
    return await _statuses(session, plan.folders)


async def _statuses(session, folders):
    commands = [_status(folder, session.capabilities) for folder in folders]
    replies = await session.pipeline(*commands) if commands else []
    return [_parse_status(reply, folder.path) for reply, folder in zip(replies, folders, strict=True)]


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
    text = wire_path(found)
    return text == path or (path.upper() == "INBOX" and text.upper() == "INBOX")


async def _work(session, plan, statuses, emit):
    present = [(folder, status) for folder, status in zip(plan.folders, statuses, strict=True) if status is not None]
    absent = [folder for folder, status in zip(plan.folders, statuses, strict=True) if status is None]
    listed, found = await _list(session, plan, emit) if plan.list_folders or absent else ((), ())
    if found and not plan.folders:  # the first look: go on with what was just listed
        plan = replace(plan, folders=tuple(found), list_folders=False)
        return await _work(session, plan, await _statuses(session, found), emit)
    await push_changes(session, plan, emit)
    silent = [folder.path for folder in absent if folder.path in listed]
    again, faults = False, {path: "the server says nothing of this folder." for path in silent}
    for folder, status in present:
        try:
            again |= await _work_on_folder(session, plan, folder, status, emit)
        except (ServerFault, NetworkFailure) as err:  # ends this folder, the others go on
            faults[folder.path] = err
            if isinstance(err, NetworkFailure) or err.ends_connection:
                await _go_on(session, err, len(faults))
    words = "; ".join(f"{path}: {err}" for path, err in faults.items())
    if faults and len(faults) == len(present) + len(silent):
        is_cut = any(isinstance(err, NetworkFailure) for err in faults.values())
        raise (NetworkFailure if is_cut else ServerFault)(words)
    return {"again": again, "warning": words}


async def _go_on(session, err, count):
    """Connect again after a folder ended the connection; a server that is slow stays so."""
    if count > FAULTS_MAX or isinstance(err.__cause__, TimeoutError):
        raise err
    await session.reopen()


async def _list(session, plan, emit):
    """Tell the writer which folders there are; returns the names of those that can be opened, and its answer."""
    skipped = session.skipped
    rows = await list_folders(session)
    is_complete = session.skipped == skipped
    found = await ask_writer(emit, FoldersListed, plan.id, rows, session.capabilities, is_complete)
    return {path for path, _name, _use, selectable in rows if selectable}, found


async def _work_on_folder(session, plan, folder, status, emit):
    """Synchronise one folder as the plan wants; returns whether there is more to fetch immediately."""
    if plan.purpose == "audit":
        if folder.audit:
            await audit_folder(session, plan, folder, emit)
        return False
    if _is_unchanged(folder, status, plan):
        return False
    result = await sync_folder(session, plan, folder, status, emit)
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
