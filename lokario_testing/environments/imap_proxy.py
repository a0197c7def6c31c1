"""A proxy between an IMAP client and Dovecot that can hide capabilities, lie, drip, cut and be counted.

``change(connection, unit)`` sees every unit of the server (one response line with its literals, as bytes) and returns
the list of units that the client gets instead. ``connection`` carries what the client said so far. ``ask(line)``, if
given, sees every line of the client and returns what the server gets instead.
"""

import asyncio
import contextlib
import random
import re
import threading
from dataclasses import dataclass, field

_LITERAL = re.compile(rb"\{(\d+)\}\r\n$")


@dataclass
class Connection:
    number: int
    said: bytearray = field(default_factory=bytearray)
    held: list = field(default_factory=list)

    @property
    def is_audit(self):
        return b'"purpose" "audit"' in self.said


class ImapProxy:
    """``with ImapProxy(environment.imap_port, change) as proxy``: connect to ``proxy.port``."""

    def __init__(self, target, change=None, ask=None):
        self.target, self.change, self.ask = target, change or (lambda _connection, unit: [unit]), ask
        self.bytes_in = self.bytes_out = self.connections = 0
        self._loop = asyncio.new_event_loop()
        self._writers = set()

    def __enter__(self):
        self._thread = threading.Thread(target=self._loop.run_forever, name="imap-proxy", daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=2048))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_exc):
        self.cut()
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def cut(self):
        """Reset every open connection."""
        self._loop.call_soon_threadsafe(lambda: [writer.transport.abort() for writer in list(self._writers)])

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _close(self):
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader, writer):
        self.connections += 1
        connection = Connection(self.connections)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target, limit=2**20)
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(
                self._to_server(connection, reader, far_writer), self._to_client(connection, far_reader, writer)
            )
        finally:
            for open_writer in (writer, far_writer):
                self._writers.discard(open_writer)
                open_writer.close()

    async def _to_server(self, connection, reader, writer):
        with contextlib.suppress(OSError):
            while data := await (reader.readline() if self.ask else reader.read(65536)):
                self.bytes_out += len(data)
                connection.said += data[-4096:]
                writer.write(self.ask(data) if self.ask else data)
                await writer.drain()
            writer.close()

    async def _to_client(self, connection, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while unit := await _read_unit(reader):
                for piece in self.change(connection, unit):
                    self.bytes_in += len(piece)
                    writer.write(piece)
                await writer.drain()
        writer.close()


async def _read_unit(reader):
    unit = b""
    while True:
        line = await reader.readline()
        unit += line
        literal = _LITERAL.search(line)
        if not literal:
            return unit
        unit += await reader.readexactly(int(literal[1]))


def hide_capabilities(*names):
    """A ``change`` for servers that lack extensions (Exchange Online: no CONDSTORE, QRESYNC, ESEARCH, MOVE)."""
    pattern = re.compile(rb" (?:%s)(?=[ \]\r])" % b"|".join(re.escape(name.encode()) for name in names))

    def change(_connection, unit):
        if b"CAPABILITY" in unit[:200]:
            unit = pattern.sub(b"", unit)
        return [unit]

    return change


def gmail_proxy(target):
    """Dovecot as Gmail shows itself.

    X-GM-MSGID, one number of a mail under all its labels, is Dovecot's X-GUID. Dovecot has no labels: a mail that
    loses the one of the inbox gets the keyword NoInboxLabel, and SAVEDATE stands for the labels that are asked for.
    """

    def change(_connection, unit):
        if b"CAPABILITY" in unit[:200]:
            unit = unit.replace(b"IMAP4rev1", b"IMAP4rev1 X-GM-EXT-1", 1).replace(b" QRESYNC", b"")
        labels = b"X-GM-LABELS ()" if b"NoInboxLabel" in unit else b"X-GM-LABELS (\\Inbox)"
        unit = re.sub(rb'SAVEDATE "[^"]*"', lambda _found: labels, unit)
        return [re.sub(rb"X-GUID ([0-9a-f]+)", lambda found: b"X-GM-MSGID %d" % (int(found[1], 16) % 10**18), unit)]

    def ask(line):
        line = line.replace(b"-X-GM-LABELS.SILENT (\\Inbox)", b"+FLAGS.SILENT (NoInboxLabel)")
        return line.replace(b"X-GM-MSGID", b"X-GUID").replace(b"FLAGS X-GM-LABELS", b"FLAGS SAVEDATE")

    return ImapProxy(target, change, ask)


class Liar:
    """A server that lies on fetching connections and tells the truth on audit connections.

    ``lies``: any of omit, reorder, double, truncate, uidnext. What it did is counted in ``told``.
    """

    def __init__(self, lies, seed=1, share=0.1):
        self.lies, self.share = set(lies), share
        self.dice = random.Random(seed)
        self.told = dict.fromkeys(lies, 0)
        self._statuses = {}
        self._short = {}

    def __call__(self, connection, unit):
        if connection.is_audit:
            return [unit]
        if unit.startswith(b"* STATUS ") and "uidnext" in self.lies:
            name = unit.split(b" (")[0]
            if name in self._statuses and self._statuses[name] != unit:
                self.told["uidnext"] += 1
            return [self._statuses.setdefault(name, unit)]
        if b" FETCH (" in unit[:40]:
            return self._fetch(connection, unit)
        held, connection.held = connection.held, []
        self.dice.shuffle(held)
        return [*held, unit]

    def _fetch(self, connection, unit):
        uid = re.search(rb"UID (\d+)", unit[:200])
        chosen = uid and random.Random(f"{uid[1]}").random() < self.share  # the same mails every time
        if "truncate" in self.lies and chosen:
            unit = self._truncate(unit)
        if "omit" in self.lies and chosen:
            self.told["omit"] += 1
            return []
        units = [unit]
        if "double" in self.lies and self.dice.random() < self.share:
            self.told["double"] += 1
            units = [unit, unit]
        if "reorder" in self.lies:
            self.told["reorder"] += 1
            connection.held += units
            return []
        return units

    def _truncate(self, unit):
        """Body and announced size lose the same bytes, so that only another connection can tell."""
        unit = re.sub(rb"RFC822\.SIZE (\d+)", lambda m: b"RFC822.SIZE %d" % (int(m[1]) - 25), unit)
        literal = re.search(rb"BODY\[\] \{(\d+)\}\r\n", unit)
        if literal:
            self.told["truncate"] += 1
            size = int(literal[1])
            body = unit[literal.end() : literal.end() + size]
            unit = (
                unit[: literal.start()] + b"BODY[] {%d}\r\n" % (size - 25) + body[:-25] + unit[literal.end() + size :]
            )
        return unit
