"""Mailboxes that are only listened to: an IMAP server with IDLE, in memory or on loopback, with a clock that jumps."""

import asyncio
import selectors

UIDVALIDITY = 7
CAPABILITIES = b"IMAP4rev1 IDLE LITERAL+"


class IdleMailbox:
    """``count`` mails came so far; ``lines`` are open, the deaf among them hear nothing and are not heard.

    ``on_idle`` is called when a line begins to listen.
    """

    def __init__(self, on_idle=lambda: None):
        self.on_idle = on_idle
        self.count, self.logins, self.lines = 0, 0, set()
        self.refusal = b""  # what a login gets instead of its OK

    def deliver(self):
        self.count += 1
        for line in self.lines:
            if line.idle_tag:
                line.say(b"* %d EXISTS" % self.count)

    def cut(self):
        for line in list(self.lines):
            line.end()


class Dialogue:
    """One line: ``send(bytes)`` and ``close()`` are its way to the client; ``mailbox_of(login)`` whose it becomes."""

    def __init__(self, send, close, mailbox_of):
        self._send, self._close, self._mailbox_of = send, close, mailbox_of
        self._rest, self.idle_tag, self.is_deaf, self.mailbox = b"", b"", False, None
        self.say(b"* OK ready")

    def say(self, line):
        if not self.is_deaf:
            self._send(line + b"\r\n")

    def end(self):
        self._close()
        if self.mailbox:
            self.mailbox.lines.discard(self)

    def end_idle(self):
        """As servers do that let nobody listen for longer than ten minutes."""
        tag, self.idle_tag = self.idle_tag, b""
        self.say(tag + b" OK Idle ended.")

    def feed(self, data):
        if self.is_deaf:
            return
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        for line in lines:
            if line.upper() == b"DONE" and self.idle_tag:
                self.end_idle()
            elif line:
                self._answer(*line.split(b" ", 2))

    def _answer(self, tag, name, rest=b""):
        name = name.upper()
        if name == b"LOGIN":
            self.mailbox = self._mailbox_of(rest.split(b'"')[1].decode())
            self.mailbox.logins += 1
            if not self.mailbox.refusal:
                self.mailbox.lines.add(self)
            self.say(tag + b" " + (self.mailbox.refusal or b"OK [CAPABILITY %s] in" % CAPABILITIES))
        elif name == b"IDLE":
            self.idle_tag = tag
            self.say(b"+ idling")
            self.mailbox.on_idle()
        else:
            self._say_all(name, tag)

    def _say_all(self, name, tag):
        if name == b"CAPABILITY":
            self.say(b"* CAPABILITY " + CAPABILITIES)
        elif name == b"EXAMINE":
            self.say(b"* %d EXISTS" % self.mailbox.count)
            self.say(b"* OK [UIDVALIDITY %d] ids" % UIDVALIDITY)
            self.say(b"* OK [UIDNEXT %d] next" % (self.mailbox.count + 1))
        self.say(tag + b" OK done")


class IdleServer(asyncio.Protocol):
    """For ``loop.create_server(IdleServer.of(mailbox_of), …)``."""

    def __init__(self, mailbox_of):
        self._mailbox_of = mailbox_of

    def connection_made(self, transport):
        self._dialogue = Dialogue(transport.write, transport.abort, self._mailbox_of)

    def data_received(self, data):
        self._dialogue.feed(data)

    def connection_lost(self, _exc):
        self._dialogue.end()


class MemoryLine:
    """The client's writing side of a dialogue without a socket, as ImapSession wants it."""

    def __init__(self, mailbox):
        self.reader = asyncio.StreamReader(limit=256 * 1024)
        self.transport = self
        self._dialogue = Dialogue(self.reader.feed_data, self._end, lambda _login: mailbox)

    def _end(self):
        if not self.reader.at_eof():
            self.reader.feed_eof()

    def write(self, data):
        self._dialogue.feed(data)

    def abort(self):
        self._dialogue.end()

    async def drain(self):
        pass

    def get_extra_info(self, _name):
        return None


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next moment at which something is due."""

    def __init__(self):
        super().__init__(_Jumping(self))
        self.now = 0.0

    def time(self):
        return getattr(self, "now", 0.0)


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop):
        super().__init__()
        self._loop = loop

    def select(self, timeout=None):
        assert timeout is not None, "nothing is due any more"
        self._loop.now += max(timeout, 0)
        return super().select(0)
