"""An IMAP server in memory, without a socket: a mailbox that may distort, refuse or cut what it says."""

import asyncio
import re
from unittest.mock import patch

from odoo.addons.lokario_mailbox.tools.imap_session import ImapSession

UIDVALIDITY = 7


class Cut(Exception):
    """Raised by ``distort``: the line is cut before this answer."""


class MemoryMailbox:
    """``mails``: {folder: {uid: bytes}}; ``sizes``: {uid: what RFC822.SIZE says instead of the truth}.

    distort(command, lines) returns the lines to send in place of those of an honest server (without line ends; the
    last one without its tag), or raises Cut.
    """

    def __init__(self, mails, *, distort=None, sizes=(), capabilities=(), flags=b""):
        self.mails, self.sizes, self.flags = mails, dict(sizes), flags
        self.distort = distort or (lambda _command, lines: lines)
        self.capabilities = ("IMAP4rev1", *capabilities)
        self.connections = self.round_trips = 0

    async def connect(self):
        """Return an ImapSession on this mailbox that is not logged in."""
        self.connections += 1
        reader = asyncio.StreamReader(limit=256 * 1024)
        session = ImapSession(reader, _Line(self, reader), None, self.connect)
        session.capabilities = frozenset(self.capabilities)
        return session

    def answer(self, line, command):
        """The honest answer to a command; ``line``: the connection, which knows the open folder."""
        name, _blank, rest = command.partition(b" ")
        if name == b"UID":
            name, _blank, rest = rest.partition(b" ")
        handler = getattr(self, f"_{name.decode('ascii', 'replace').lower()}", None)
        return [*(handler(line, rest) if handler else ()), b"OK done"]

    def _capability(self, _line, _rest):
        yield b"* CAPABILITY " + " ".join(self.capabilities).encode()

    def _list(self, _line, _rest):
        for path in self.mails:
            yield b'* LIST (\\HasNoChildren) "/" "%s"' % path.encode()

    def _status(self, _line, rest):
        path = re.match(rb'"([^"]*)"', rest)[1].decode()
        mails = self.mails.get(path, {})
        numbers = (len(mails), max(mails, default=0) + 1, UIDVALIDITY)
        yield b'* STATUS "%s" (MESSAGES %d UIDNEXT %d UIDVALIDITY %d)' % (path.encode(), *numbers)

    def _examine(self, line, rest):
        line.open = self.mails.get(re.match(rb'"([^"]*)"', rest)[1].decode(), {})
        yield b"* %d EXISTS" % len(line.open)
        yield b"* OK [UIDVALIDITY %d] ids" % UIDVALIDITY
        yield b"* OK [UIDNEXT %d] next" % (max(line.open, default=0) + 1)
        if "CONDSTORE" in self.capabilities:
            yield b"* OK [HIGHESTMODSEQ 9] changes"

    def _search(self, line, rest):
        run = re.search(rb"UID ([\d:*,]+)", rest)
        found = self._named(line, run[1]) if run else list(line.open)
        numbers = [b"%d" % uid for uid in found]
        if rest.startswith(b"RETURN"):
            yield b'* ESEARCH (TAG "x") UID' + (b" ALL " + b",".join(numbers) if numbers else b"")
        else:
            yield b"* SEARCH " + b" ".join(numbers)

    def _fetch(self, line, rest):
        uids, _blank, items = rest.partition(b" ")
        for uid in self._named(line, uids):
            raw = line.open[uid]
            head = b"* %d FETCH (UID %d FLAGS (%s)" % (uid, uid, self.flags)
            if b"RFC822.SIZE" in items:
                size = self.sizes.get(uid, len(raw))
                yield head + b' INTERNALDATE "17-Jul-2026 02:44:25 +0000" RFC822.SIZE %d)' % size
            elif b"BODY.PEEK[]" in items:
                yield head + b" BODY[] {%d}\r\n%s)" % (len(raw), raw)
            elif b"BODYSTRUCTURE" in items:
                header = raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
                leaf = b'("TEXT" "PLAIN" NIL NIL NIL "8BIT" %d 1)' % (len(raw) - len(header))
                yield head + b" BODYSTRUCTURE %s BODY[HEADER]<0> {%d}\r\n%s)" % (leaf, len(header), header)
            elif part := re.search(rb"BODY\.PEEK\[1\]<(\d+)\.(\d+)>", items):
                start, size = int(part[1]), int(part[2])
                data = raw.partition(b"\r\n\r\n")[2][start : start + size]
                yield head + b" BODY[1]<%d> {%d}\r\n%s)" % (start, len(data), data)
            else:
                yield head + b")"

    def _named(self, line, uids):
        found = set()
        for run in uids.decode().split(","):
            first, _colon, last = run.partition(":")
            most = max(line.open, default=0) if last == "*" else int(last or first)
            found |= {uid for uid in line.open if int(first) <= uid <= most}
        return sorted(found)


class _Line:
    """The writing side of one connection: what comes in is answered at once."""

    def __init__(self, mailbox, reader):
        self._mailbox, self._reader, self._rest, self._is_cut = mailbox, reader, b"", False
        self.open, self.commands = {}, []
        self.transport = self

    def abort(self):
        self._is_cut = True

    def write(self, data):
        self._mailbox.round_trips += not self._reader._buffer  # all that was answered has been read: the client waited
        self._rest += data
        while b"\r\n" in self._rest and not self._is_cut:
            line, _end, self._rest = self._rest.partition(b"\r\n")
            tag, _blank, command = line.partition(b" ")
            self._answer(tag, command)

    def _answer(self, tag, command):
        self.commands.append(command)
        try:
            *lines, last = self._mailbox.distort(command, self._mailbox.answer(self, command))
        except Cut:
            self._is_cut = True
            self._reader.feed_eof()
            return
        for line in (*lines, tag + b" " + last):
            self._reader.feed_data(line + b"\r\n")

    async def drain(self):
        pass

    def get_extra_info(self, _name):
        return None


async def look(mailbox, folders=(), *, listed=(), capabilities=(), **options):
    """Synchronise the mailbox as the product does, without a writer; return the events in order.

    folders: FolderState; without, its folders are listed and those looked at that are ``listed`` (FolderState).
    options: further fields of the AccountPlan.
    """
    from odoo.addons.lokario_inbox.tools import sync_account, sync_plan

    events = []

    async def connect(_plan):
        return await mailbox.connect()

    async def emit(event):
        if isinstance(event, sync_plan.Asked):
            event.answer(set() if isinstance(event, sync_plan.StoredAsked) else listed)
        events.append(event)

    plan = sync_plan.AccountPlan(
        *(1, "imap.test", 993, "ssl", "anna@mail.test", "secret"),
        folders=tuple(folders),
        list_folders=not folders,
        capabilities=frozenset(capabilities),
        **options,
    )
    with patch.object(sync_account, "connect", connect):
        await sync_account.sync_account(plan, emit)
    return events
