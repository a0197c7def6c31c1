"""Downloading messages: pipelined, bounded by bytes, every requested UID accounted for."""

import asyncio
import contextlib
import re
from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta

from odoo.addons.lokario_mailbox.exceptions import ConnectionEnded, NetworkFailure, ServerFault
from odoo.addons.lokario_mailbox.tools.imap_wire import format_uids, number

from ..exceptions import UnreadableMail
from .body_structure import tree
from .fenced_reader import reader
from .mime_parts import body_kind, collect, leaves
from .sync_plan import ARCHIVED, RawItem
from .tnef import is_tnef

FULL_MAX = 1024 * 1024  # bytes: a bigger mail is read by its parts, attachments on demand
GROUP_BYTES = 2560 * 1024
GROUP_COUNT = 400
IN_FLIGHT = 2
CONTENT = "UID BODY.PEEK[]"
INFO_COUNT = 1000
SIZE_MAX = 2**31 - 1  # bytes that a column holds; what a server says may be anything
UID_MAX = 2**31 - 1
TEXT_PART_MAX = 12 * 1024 * 1024  # encoded bytes of a text that are read
PART_MAX = 256 * 1024 * 1024  # encoded bytes of a file; a server may repeat itself for ever
TNEF_MAX = 8 * 1024 * 1024  # bytes of a winmail.dat that is read to list its files
FLAG_MAX = 200  # bytes of a flag or keyword
FIRST_COUNT = 50  # the first page of the reader comes first

_MONTHS = b"JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
_INTERNALDATE = re.compile(rb" *(\d{1,2})-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d) *")
_UNANNOUNCED = {"flags": "", "internaldate": None, "size": 0}
_UNDELIVERED = "The server lists this mail but does not deliver it."
_ENDS_CONNECTION = "The server ends the connection when it is asked for this mail."
SHRINK = 5  # how many times smaller the next batch is when one has ended the connection
CUTS_MAX = 60  # connections that may end in one look at a folder
CAREFUL_SECONDS = 120  # from the first of them on: then the rest is for the next look
CAREFUL_TIMEOUT = 20  # seconds for one answer meanwhile


async def fetch_groups(session, uids, ask_stored=None, reopen=None):
    """Yield tuples of RawItem that cover ``uids`` in the given order.

    A UID is left out only when an explicit SEARCH says that it is gone; one that the server
    keeps listing but does not deliver comes as an item with a ``problem``. ``ask_stored`` takes
    {server ref: size} and returns the ids whose content need not be downloaded again.
    ``reopen`` connects again and opens the folder: a batch that ends the connection is asked for in smaller ones, down
    to one mail, that one by its parts; one that ends the connection even so comes as an item with a ``problem``.
    """
    left, pace = list(uids), _Pace(session)
    while left:
        try:
            async for count, items in _fetched(session, pace.batch(left), ask_stored, pace.whole_max):
                yield items
                del left[:count]
                pace.go_on()
        except (NetworkFailure, ConnectionEnded) as err:
            if reopen is None or pace.is_exhausted():
                raise
            blamed = pace.slow_down(len(left), err)
            await reopen()
            if blamed:
                yield (RawItem(left.pop(0), **_UNANNOUNCED, problem=f"{_ENDS_CONNECTION} {err}"),)


class _Pace:
    """How much is asked for immediately: everything, and less after each connection that ended meanwhile."""

    def __init__(self, session):
        self._session, self._most, self._cuts, self._tries, self._until = session, None, 0, 0, None

    @property
    def whole_max(self):
        """A mail that has ended a connection alone is asked for by its parts; its size may be a lie."""
        return -1 if self._tries else FULL_MAX

    def batch(self, left):
        return left[: self._most] if self._most else left

    def go_on(self):
        self._tries = 0
        self._most = self._most * 2 if self._most and self._most < GROUP_COUNT else None

    def is_exhausted(self):
        """The rest is for the next look: the line is bad, or the server is slow."""
        now = asyncio.get_running_loop().time()
        self._until = self._until or now + CAREFUL_SECONDS
        return self._cuts >= CUTS_MAX or now > self._until

    def slow_down(self, count, err):
        """Ask for less; returns True when the next mail is to blame: it ended two connections alone."""
        self._cuts += 1
        self._session.timeout = CAREFUL_TIMEOUT
        if self._most == 1:
            self._tries += 1
        is_silent = isinstance(err.__cause__, TimeoutError)  # waiting again for all but one of them takes too long
        self._most = 1 if is_silent else max(1, min(count, self._most or GROUP_COUNT) // SHRINK)
        return self._tries > 1


async def _fetched(session, uids, ask_stored, whole_max):
    """Yield (how many of ``uids`` are done, RawItems) over one connection."""
    waiting = deque()
    async for group, infos in _announced(session, uids, ask_stored):
        waiting.append((group, infos, _request(session, group, infos, whole_max), whole_max))
        if len(waiting) == IN_FLIGHT:
            yield len(waiting[0][0]), await _items(session, *waiting.popleft())
    while waiting:
        yield len(waiting[0][0]), await _items(session, *waiting.popleft())


async def _announced(session, uids, ask_stored):
    """Yield (group, infos); the infos of the next chunk are on their way while the mails of this one come."""
    chunks = deque(_chunks(uids))
    tag = _ask_infos(session, chunks[0]) if chunks else None
    while chunks:
        chunk = chunks.popleft()
        infos = _infos(await _answered(session, tag, chunk, info_items(session)))
        tag = _ask_infos(session, chunks[0]) if chunks else None
        await _mark_stored(infos, ask_stored)
        for group in _groups(chunk, infos):
            yield group, infos


async def _mark_stored(infos, ask_stored):
    sizes = {info["server_ref"]: info["size"] for info in infos.values() if info["server_ref"]}
    if sizes and ask_stored:
        stored = await ask_stored(sizes)
        for info in infos.values():
            info["is_stored"] = info["server_ref"] in stored


async def _items(session, group, infos, tag, whole_max):
    wanted = _wanted(group, infos, whole_max)
    bodies = _bodies(await _answered(session, tag, wanted, CONTENT)) if tag else {}
    return tuple([item for uid in group if (item := await _item(session, uid, infos, bodies, whole_max))])


async def _answered(session, tag, uids, items):
    """FETCH data of a command under way; when the server refuses it, of smaller ones, down to a mail each.

    A mail that is refused even alone is missing in what is returned.
    """
    try:
        return (await session.receive(tag)).fetches()
    except ServerFault as err:
        if err.ends_connection:
            raise
    if len(uids) == 1:
        return []
    middle = len(uids) // 2
    rows = []
    for half in (uids[:middle], uids[middle:]):
        rows += await _answered(session, session.send(f"UID FETCH {format_uids(half)} ({items})"), half, items)
    return rows


def _chunks(uids):
    uids = list(uids)
    if uids:
        yield uids[:FIRST_COUNT]
    for start in range(FIRST_COUNT, len(uids), INFO_COUNT):
        yield uids[start : start + INFO_COUNT]


def _groups(chunk, infos):
    group, weight = [], 0
    for uid in chunk:
        size = _bytes_to_come(infos.get(uid))
        if group and (weight + size > GROUP_BYTES or len(group) >= GROUP_COUNT or size > FULL_MAX):
            yield tuple(group)
            group, weight = [], 0
        group.append(uid)
        weight += size
        if size > FULL_MAX:
            yield tuple(group)
            group, weight = [], 0
    if group:
        yield tuple(group)


def _bytes_to_come(info):
    return info["size"] if info and not info["is_stored"] else 0


def _request(session, group, infos, whole_max):
    wanted = _wanted(group, infos, whole_max)
    return session.send(f"UID FETCH {format_uids(wanted)} ({CONTENT})") if wanted else None


def _wanted(group, infos, whole_max):
    """The mails of a group that are downloaded whole."""
    return [uid for uid in group if uid in infos and not infos[uid]["is_stored"] and infos[uid]["size"] <= whole_max]


def _ask_infos(session, uids):
    return session.send(f"UID FETCH {format_uids(uids)} ({info_items(session)})")


def info_items(session, *more):
    """What is asked of a message before its content; ``more``: further FETCH items."""
    items = ("UID", session.flag_items, "INTERNALDATE RFC822.SIZE", session.server_ref_item, *more)
    return " ".join(filter(None, items))


def _infos(rows):
    """{uid: what RawItem says of it}; what other commands and other clients caused to be said is left out."""
    return {uid: info for uid, info in map(_info, filter(is_info, rows)) if 0 < uid <= UID_MAX}


def is_info(row):
    """Whether FETCH data answer a question of ours: servers say flags of their own accord, too."""
    return b"RFC822.SIZE" in row


def _info(row):
    return number(row.get(b"UID")), {
        "flags": flags_of(row),
        "internaldate": parse_internaldate(row.get(b"INTERNALDATE")),
        "size": number(row.get(b"RFC822.SIZE"), most=SIZE_MAX),
        "server_ref": server_ref_of(row),
        "is_stored": False,
    }


def flags_of(row):
    """The flags in FETCH data as text; a mail that has lost Gmail's label of the inbox is ``ARCHIVED``."""
    found = row.get(b"FLAGS")
    flags = [flag.decode("utf-8", "replace") for flag in found if _is_flag(flag)] if isinstance(found, list) else []
    labels = row.get(b"X-GM-LABELS")
    archived = [ARCHIVED] if isinstance(labels, list) and b"\\Inbox" not in labels else []
    return " ".join(sorted([*flags, *archived]))


def _is_flag(flag):
    """Whether it can be stored between blanks; what is no word is nobody's flag."""
    return isinstance(flag, bytes) and 0 < len(flag) <= FLAG_MAX and not re.search(rb"[\x00-\x20\x7f]", flag)


def server_ref_of(row):
    """``X-GM-MSGID 1278455344230334865`` or ``EMAILID (M6d99ac3275bb4e)`` of FETCH data as text, "" without."""
    value = row.get(b"X-GM-MSGID") or row.get(b"EMAILID") or b""
    value = value[0] if isinstance(value, list) and value else value
    is_ref = isinstance(value, bytes) and re.fullmatch(rb"[!-~]{1,255}", value)
    return value.decode("ascii") if is_ref else ""


def parse_internaldate(value):
    """INTERNALDATE (``17-Jul-1996 02:44:25 -0700``) as naive UTC; None when unreadable."""
    found = _INTERNALDATE.fullmatch(value if isinstance(value, bytes) else b"")
    with contextlib.suppress(ValueError, OverflowError):  # strptime would take longer than the rest of a mail's data
        if found and found[2].upper() in _MONTHS:
            day, year, hour, minute, second, zone_hours, zone_minutes = map(int, found.group(1, 3, 4, 5, 6, 8, 9))
            offset = timedelta(hours=zone_hours, minutes=zone_minutes) * (-1 if found[7] == b"-" else 1)
            moment = datetime(year, _MONTHS.index(found[2].upper()) + 1, day, hour, minute, second) - offset
            return moment if 1970 <= moment.year <= 2200 else None
    return None


def _bodies(rows):
    found = {}
    for row in rows:
        uid, body = number(row.get(b"UID")), row.get(b"BODY[]")
        if uid and isinstance(body, bytes) and len(body) >= len(found.get(uid, b"")):
            found[uid] = body
    return found


async def _item(session, uid, infos, bodies, whole_max):
    info = infos.get(uid)
    if info is None:
        info, refusal = await _alone(session, uid, info_items(session), lambda rows: _infos(rows).get(uid))
        if info is None:
            return await _absent(session, uid, _UNANNOUNCED, refusal)
    if info["is_stored"]:
        return RawItem(uid, **info)
    if info["size"] > whole_max:
        return await _big_item(session, uid, info)
    body = bodies.get(uid)
    if body is None or len(body) != info["size"]:
        again, refusal = await _alone(session, uid, CONTENT, lambda rows: _bodies(rows).get(uid))
        # Sizes of some servers are never right (Exchange): keep the longest, the audit decides.
        body = max((data for data in (body, again) if data is not None), key=len, default=None)
    if body is None:
        return await _absent(session, uid, info, refusal)
    return RawItem(uid, **info, raw=body)


async def _alone(session, uid, items, pick):
    """(what ``pick`` finds in the answer for this mail alone, the server's words when it refused)."""
    try:
        return pick((await session.run(f"UID FETCH {uid} ({items})")).fetches()), ""
    except ServerFault as err:
        if err.ends_connection:
            raise
        return None, str(err)


async def _absent(session, uid, info, refusal=""):
    """None when SEARCH shows that the mail is gone, else an item that says what is wrong."""
    reply = await session.run(f"UID SEARCH UID {uid}")
    present = any(str(uid).encode() in row for row in reply.rows(b"SEARCH"))
    problem = f"{_UNDELIVERED} {refusal}".strip()
    return RawItem(uid, **info, problem=problem) if present else None


# === BIG MAILS === #


async def _big_item(session, uid, info):
    """A mail above FULL_MAX: header, structure and text parts; attachments stay at the server."""
    try:
        reply = await session.run(f"UID FETCH {uid} (UID BODYSTRUCTURE BODY.PEEK[HEADER]<0.65536>)")
        row = next(row for row in reply.fetches() if b"BODYSTRUCTURE" in row)
        header = next(value for key, value in row.items() if key.startswith(b"BODY[HEADER]"))
        structure = tree(row[b"BODYSTRUCTURE"])
        for part, number, _alternative in list(leaves(structure)):
            await _download_what_is_read(session, uid, part, number)
        mail = await asyncio.to_thread(_read_by_parts, header or b"", info["size"], structure)
    except UnreadableMail as err:
        return RawItem(uid, **info, problem=str(err))
    except (StopIteration, ValueError, TypeError, AttributeError, IndexError, LookupError, ServerFault) as err:
        if getattr(err, "ends_connection", False):
            raise
        problem = f"This big mail cannot be read: {str(err) or 'no structure'}"
        return RawItem(uid, **info, problem=problem)
    return RawItem(uid, **info, mail=mail)


def _read_by_parts(header, size, structure):
    bodies, parts = collect(structure)
    return reader.parse_partial(header, size, bodies, [replace(part, content=None) for part in parts])


async def _download_what_is_read(session, uid, part, number):
    """The texts, each up to TEXT_PART_MAX encoded bytes, and a winmail.dat, which is looked into."""
    is_winmail = is_tnef(part.parameter("name"), part.media_type) and part.waiting <= TNEF_MAX
    if not (body_kind(part) or is_winmail):
        return
    data = bytearray()
    try:
        await download_part(session, uid, number, data.extend, most=TEXT_PART_MAX)
    except ServerFault as err:  # one text less, the mail is shown all the same
        if err.ends_connection:
            raise
    part.set_payload(bytes(data).decode("ascii", "surrogateescape"))
    part.waiting = None


async def download_part(session, uid, number, write, piece=512 * 1024, most=PART_MAX):
    """Read one encoded part piece by piece, calling ``write(bytes)``; memory stays at one piece."""
    offset = 0
    while offset < most:
        reply = await session.run(f"UID FETCH {uid} (UID BODY.PEEK[{number}]<{offset}.{piece}>)")
        key = f"BODY[{number}]".encode()
        found = (v for row in reply.fetches() for k, v in row.items() if k.startswith(key) and isinstance(v, bytes))
        data = next(found, None)
        if not data:
            if not offset and data is None:
                raise ServerFault(_UNDELIVERED)
            return
        write(data)
        offset += len(data)
        if len(data) < piece:
            return
