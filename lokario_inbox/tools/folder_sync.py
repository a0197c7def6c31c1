"""What changed in one folder, the cheapest way its server offers."""

import contextlib
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from odoo.addons.lokario_mailbox.exceptions import ServerFault
from odoo.addons.lokario_mailbox.tools.imap_session import CLIENT_NAME
from odoo.addons.lokario_mailbox.tools.imap_wire import format_uids, number, parse_uids, quote

from .fetch_batches import (
    SIZE_MAX,
    UID_MAX,
    fetch_groups,
    flags_of,
    info_items,
    is_info,
    parse_internaldate,
    server_ref_of,
)
from .mime_message import first_id
from .mime_text import decode_field
from .sync_plan import (
    Audited,
    Checked,
    Fetched,
    FlagsSeen,
    Present,
    Renumbered,
    StoredAsked,
    Vanished,
    ask_writer,
)

ENABLE = b"ENABLE QRESYNC"  # together with the EXAMINE behind it: servers work in order where the order matters
FLAG_WINDOW = 200  # newest messages whose flags are looked at when CONDSTORE is not offered
SWEEP = 5000  # messages per command where something is asked of every message


@dataclass(frozen=True)
class Result:
    again: bool = False
    backfill: bool = False


@dataclass
class Opened:
    """What the server says of a folder; raises ServerFault when it cannot be synchronised."""

    uidvalidity: str
    uidnext: int
    exists: int
    highestmodseq: str
    reply: object = None

    def __post_init__(self):
        if not self.uidvalidity:
            raise ServerFault("The server gives no UIDVALIDITY: this mailbox cannot be synchronised.")
        if self.uidnext > UID_MAX:
            raise ServerFault("The server numbers the mails of this folder higher than can be stored.")


async def sync_folder(session, plan, folder, status, emit):
    """Bring one folder up to date within the plan's limits; returns what is left to do. ``status``: STATUS numbers."""
    quick = "QRESYNC" in session.capabilities and folder.highestmodseq and not folder.missing
    is_empty = not folder.uidvalidity and status.get("MESSAGES") == 0 and status.get("UIDVALIDITY")
    opened = _unopened(status) if is_empty else await examine(session, folder, quick)
    quick = quick and session.has_qresync
    if not folder.uidvalidity:
        return await _first_sync(session, plan, folder, opened, emit)
    if opened.uidvalidity != folder.uidvalidity:
        rows = await _identities(session, opened)
        await emit(Renumbered(plan.id, folder.id, opened.uidvalidity, rows))
        return Result(again=True)
    if folder.missing:
        await _fetch_missing(session, plan, folder, emit)
    await _changes(session, plan, folder, opened, quick, emit)
    new = await _search(session, f"UID {folder.cursor_uid + 1}:*", opened.exists)
    new = sorted(uid for uid in new if uid > folder.cursor_uid)
    complete = len(new) <= plan.fetch_limit
    new = new[: plan.fetch_limit]
    if not quick:
        await _detect_absence(session, plan, folder, opened, len(new), complete, emit)
    async for items in _fetch(session, plan, folder, opened.uidvalidity, new, emit):
        last = max((item.uid for item in items), default=None)
        await emit(Fetched(plan.id, folder.id, opened.uidvalidity, items, cursor_uid=last))
    if complete and new:
        await emit(Fetched(plan.id, folder.id, opened.uidvalidity, (), cursor_uid=new[-1]))
    left = folder.backfill_uid and await _backfill(session, plan, folder, opened, emit)
    await _emit_checked(plan, folder, opened, complete, emit)
    return Result(again=not complete, backfill=bool(left))


async def examine(session, folder, quick=False):
    """Open a folder read-only; ``quick`` asks for the changes since its modseq immediately (QRESYNC).

    A server that offers QRESYNC and refuses it is asked without; ``session.has_qresync`` says which it was.
    """
    try:
        return await _examine(session, folder, quick)
    except ServerFault as err:
        if err.ends_connection or "QRESYNC" not in session.capabilities:
            raise
    session.capabilities -= {"QRESYNC"}
    return await _examine(session, folder)


async def _examine(session, folder, quick=False):
    command = b"EXAMINE " + quote(folder.path)
    if quick:
        command += b" (QRESYNC (%s %s))" % (folder.uidvalidity.encode(), folder.highestmodseq.encode())
    session.shows_labels = folder.special_use == "all" and "X-GM-EXT-1" in session.capabilities
    commands = [command] if session.has_qresync or "QRESYNC" not in session.capabilities else [ENABLE, command]
    *_enabled, reply = await session.run_together(*commands)
    session.has_qresync = "QRESYNC" in session.capabilities
    exists = max((number(row[1], most=SIZE_MAX) for row in reply.data if row[2:] == [b"EXISTS"]), default=0)
    uidvalidity, uidnext, modseq = map(reply.code, (b"UIDVALIDITY", b"UIDNEXT", b"HIGHESTMODSEQ"))
    return Opened(str(uidvalidity or ""), uidnext, exists, str(modseq or ""), reply)


def _unopened(status):
    """A folder that holds nothing, by its STATUS: it need not be opened."""
    return Opened(str(status["UIDVALIDITY"]), status.get("UIDNEXT", 0), 0, str(status.get("HIGHESTMODSEQ") or ""))


async def _emit_checked(plan, folder, opened, complete, emit):
    await emit(
        Checked(
            plan.id,
            folder.id,
            opened.uidvalidity,
            opened.uidnext if complete else 0,
            opened.highestmodseq,
            opened.exists,
            complete,
        )
    )


async def _search(session, criterion, exists):
    """UIDs that match, as a list; ESEARCH keeps the answer short where it is offered."""
    if not exists:
        return []
    skipped, is_short = session.skipped, "ESEARCH" in session.capabilities
    reply = await session.run(f"UID SEARCH {'RETURN (ALL) ' if is_short else ''}{criterion}")
    rows, short_rows = reply.rows(b"SEARCH"), reply.rows(b"ESEARCH")
    if session.skipped > skipped and not (rows or short_rows):  # silence would say that nothing is there
        raise ServerFault("The server's list of messages cannot be read.")
    lists = (_text(value) for row in short_rows for name, value in pairwise(row) if name == b"ALL")
    found = [uid for row in rows for uid in map(number, row)] + [uid for uids in lists for uid in parse_uids(uids)]
    return [uid for uid in found if 0 < uid <= UID_MAX]


def _text(value):
    return value.decode("ascii", "replace") if isinstance(value, bytes) else ""


# === FIRST SYNC, NEWEST FIRST === #


async def _first_sync(session, plan, folder, opened, emit):
    """The newest messages now; the rest is the backfill's, so that it delays no other."""
    uids = sorted(await _search(session, "ALL", opened.exists), reverse=True)
    batch, rest = uids[: plan.fetch_limit], uids[plan.fetch_limit :]
    await emit(
        Fetched(
            plan.id,
            folder.id,
            opened.uidvalidity,
            (),
            cursor_uid=uids[0] if uids else 0,
            backfill_uid=(uids[0] + 1) if uids else 0,
        )
    )
    await _fetch_downwards(session, plan, folder, opened, batch, emit)
    if not rest and uids:
        await emit(Fetched(plan.id, folder.id, opened.uidvalidity, (), backfill_uid=0))
    await _emit_checked(plan, folder, opened, True, emit)
    return Result(backfill=bool(rest))


async def _backfill(session, plan, folder, opened, emit):
    """Older messages below the low-water mark; returns True while some are left."""
    if plan.purpose != "backfill":
        return True
    older = (
        await _search(session, f"UID 1:{folder.backfill_uid - 1}", opened.exists) if (folder.backfill_uid > 1) else []
    )
    older = sorted((uid for uid in older if uid < folder.backfill_uid), reverse=True)
    await _fetch_downwards(session, plan, folder, opened, older[: plan.fetch_limit], emit)
    if len(older) <= plan.fetch_limit:
        await emit(Fetched(plan.id, folder.id, opened.uidvalidity, (), backfill_uid=0))
        return False
    return True


async def _fetch_downwards(session, plan, folder, opened, uids, emit):
    async for items in _fetch(session, plan, folder, opened.uidvalidity, uids, emit):
        lowest = min((item.uid for item in items), default=None)
        await emit(Fetched(plan.id, folder.id, opened.uidvalidity, items, backfill_uid=lowest))


def _fetch(session, plan, folder, uidvalidity, uids, emit):
    ask_stored = partial(ask_writer, emit, StoredAsked, plan.id)
    return fetch_groups(session, uids, ask_stored, partial(_reopen, session, folder, uidvalidity))


async def _reopen(session, folder, uidvalidity):
    """Connect again and open the folder as it was."""
    await session.reopen()
    if (await examine(session, folder)).uidvalidity != uidvalidity:
        raise ServerFault("The folder was renumbered meanwhile.")


async def _fetch_missing(session, plan, folder, emit):
    """What an audit found: fetched whatever the cursor says; the last batch clears the list."""
    reopen = partial(_reopen, session, folder, folder.uidvalidity)
    async for items in fetch_groups(session, parse_uids(folder.missing), reopen=reopen):
        await emit(Fetched(plan.id, folder.id, folder.uidvalidity, items, found_missing=True))
    await emit(Fetched(plan.id, folder.id, folder.uidvalidity, (), found_missing=True, missing_done=True))


# === WHAT CHANGED === #


async def _changes(session, plan, folder, opened, quick, emit):
    """Flags that changed and, by QRESYNC, what vanished."""
    has_modseq = "CONDSTORE" in session.capabilities and folder.highestmodseq
    if quick:
        rows, vanished = opened.reply.fetches(), _vanished(opened.reply)
        if vanished:
            await emit(Vanished(plan.id, folder.id, opened.uidvalidity, vanished))
    elif has_modseq and opened.highestmodseq == folder.highestmodseq:
        return
    else:
        lowest = 1 if has_modseq else max(folder.cursor_uid - FLAG_WINDOW, 1)
        since = f" (CHANGEDSINCE {folder.highestmodseq})" if has_modseq else ""
        command = f"UID FETCH {lowest}:{max(folder.cursor_uid, 1)} (UID {session.flag_items}){since}"
        rows, is_all = await session.ask_of_mails(command)
        if not is_all:  # the rest is asked for again
            opened.highestmodseq = folder.highestmodseq
    flags = {number(row.get(b"UID")): flags_of(row) for row in rows if isinstance(row.get(b"FLAGS"), list)}
    flags.pop(0, None)  # what came without a UID
    if flags:
        await emit(FlagsSeen(plan.id, folder.id, opened.uidvalidity, flags))


def _vanished(reply):
    uids = []
    for row in reply.rows(b"VANISHED"):
        with contextlib.suppress(ServerFault):  # one that cannot be read: an audit finds what is gone
            uids.extend(parse_uids(_text(row[-1] if row else b"")))
    return tuple(uids)


async def _detect_absence(session, plan, folder, opened, new, complete, emit):
    """Without QRESYNC: the count says that something is gone, an explicit SEARCH says what."""
    if complete and opened.exists == folder.message_count + new:
        return
    uids = await _search(session, "ALL", opened.exists)
    await emit(Present(plan.id, folder.id, opened.uidvalidity, tuple(uids)))


# === UIDVALIDITY CHANGED === #


async def _identities(session, opened):
    """(uid, Message-ID, size, internaldate, flags, server ref) of every message, 100 to 200 bytes each.

    One of which the server refuses to tell has its uid alone: it is recognised by its content.
    """
    rows, items = {}, info_items(session, "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]")
    untold = set()
    for low in range(1, opened.exists + 1, SWEEP):
        found, is_all = await session.ask_of_mails(f"FETCH {low}:{min(low + SWEEP - 1, opened.exists)} ({items})")
        rows |= {row[0]: row for row in map(_identity, filter(is_info, found)) if 0 < row[0] <= UID_MAX}
        if not is_all:
            untold = set(await _search(session, "ALL", opened.exists))
    rows |= {uid: (uid, "", 0, None, "", "") for uid in untold - rows.keys()}
    return tuple(rows.values())


def _identity(row):
    header = next((v for k, v in row.items() if k.startswith(b"BODY[HEADER.FIELDS") and isinstance(v, bytes)), b"")
    _name, _colon, value = header.partition(b":")
    return (
        number(row.get(b"UID")),
        first_id(decode_field(value.decode("utf-8", "surrogateescape"))),
        number(row.get(b"RFC822.SIZE"), most=SIZE_MAX),
        parse_internaldate(row.get(b"INTERNALDATE")),
        flags_of(row),
        server_ref_of(row),
    )


# === AUDIT === #


async def audit_folder(session, plan, folder, emit):
    """Ask, on a connection of its own, for every UID and its size: the check of completeness."""
    if "ID" in session.capabilities and not session.is_named:
        await session.run(f'ID ("name" "{CLIENT_NAME}" "purpose" "audit")')
        session.is_named = True
    opened = await examine(session, folder)
    uids = await _search(session, "ALL", opened.exists)
    sizes = dict.fromkeys(uids, 0)
    if folder.missing:
        await _fetch_missing(session, plan, folder, emit)
    for start in range(0, len(uids), SWEEP):
        named = format_uids(uids[start : start + SWEEP])
        rows, _is_all = await session.ask_of_mails(f"UID FETCH {named} (UID RFC822.SIZE)")
        for row in rows:
            if number(row.get(b"UID")) in sizes:
                sizes[number(row[b"UID"])] = number(row.get(b"RFC822.SIZE"), most=SIZE_MAX)
    await emit(Audited(plan.id, folder.id, opened.uidvalidity, sizes))
