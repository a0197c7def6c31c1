"""One IMAP connection in asyncio: pipelined commands, every wait bounded, every byte counted."""

import asyncio
import base64
import contextlib
import itertools
import logging
import re
import socket
import ssl
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from ..exceptions import (
    CertificateRefused,
    ConnectionEnded,
    LoginRefused,
    MailboxError,
    NetworkFailure,
    QuotaReached,
    ServerFault,
)
from .imap_wire import BUFFER_SIZE, pairs, parse, quote, read_response

if TYPE_CHECKING:  # a type only: these tools run without Odoo
    from .host_policy import PinnedHost

_logger = logging.getLogger(__name__)

COMMAND_TIMEOUT = 60  # seconds for one command or one byte-bounded batch
LITERAL_IMMEDIATE = 4096  # bytes that a server with LITERAL- takes without being asked (RFC 7888)
ANSWER_MAX = 32 * 1024 * 1024  # bytes of the answer to one command: sizes that servers announce may lie
EMPTY_LINE = b"\r\n"
CLIENT_NAME = "Lokario"
GO_AHEAD = b""  # what is said to a server's "+" that asks for nothing
# Seconds: the kernel asks after a silent line's other end, which keeps it known on the way, and ends a dead one.
KEEP_ALIVE = {"TCP_KEEPIDLE": 120, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 4}
_SERVER_REFS = {"X-GM-EXT-1": "X-GM-MSGID", "OBJECTID": "EMAILID"}  # Gmail's own; RFC 8474


@dataclass(frozen=True)
class Credentials:
    """``secret`` is a password, or an OAuth access token when ``method`` is "oauth"."""

    login: str
    secret: str = field(repr=False)
    method: str = "password"


_STATUSES = (b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH")


@dataclass
class Reply:
    """The tagged answer of one command with the untagged data that came while it ran."""

    status: bytes
    text: str
    data: list

    def rows(self, kind):
        """Untagged responses of one kind, such as ``* SEARCH``, without star and kind."""
        return [row[2:] for row in self.data if len(row) > 1 and _upper(row[1]) == kind]

    def code(self, name):
        """The number that a response code of the status lines gives: ``[UIDVALIDITY 7]``; 0 without."""
        pattern = re.compile(rb"\[%s (\d{1,19})\]" % name, re.IGNORECASE)
        rows = (row for row in self.data if len(row) == 3 and row[1] in _STATUSES and isinstance(row[2], bytes))
        found = (pattern.match(row[2]) for row in rows)
        return next((int(match[1]) for match in found if match), 0)

    def fetches(self):
        """FETCH data as dicts, in the order the server sent them."""
        return [
            pairs(row[3])
            for row in self.data
            if len(row) > 3 and _upper(row[2]) == b"FETCH" and isinstance(row[3], list)
        ]


def _upper(value):
    return value.upper() if isinstance(value, bytes) else b""


@lru_cache(maxsize=8)  # reading the machine's authorities takes longer than a whole synchronisation
def verified_context(ca_file=None):
    """TLS as a browser does it: certificate chain and host name are verified, TLS 1.2 at least."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class ImapSession:
    """``async with await ImapSession.connect(...)``; raises MailboxError children only."""

    def __init__(self, reader, writer, pinned: "PinnedHost", way=None):
        """way: an async function that gives another connection to the same server."""
        self._reader, self._writer, self._pinned, self._way = reader, writer, pinned, way
        self._credentials = None
        self._tags = itertools.count(1)
        self._leaving = False
        self._waiting, self._replies = {}, {}
        self._unread = 0
        self._continuations = deque()
        self.timeout = COMMAND_TIMEOUT
        self.capabilities = frozenset()
        self.has_qresync = self.is_named = self.shows_labels = False
        self.bytes_in = self.bytes_out = 0
        self.skipped = 0  # responses that could not be read

    @classmethod
    async def connect(cls, pinned, security, *, timeout=COMMAND_TIMEOUT, context=None):
        """Connect to the pinned address and read the greeting; ``security``: ssl, starttls, none."""
        context = context or verified_context()
        with _translated(timeout):
            async with asyncio.timeout(timeout):
                tls = {"ssl": context, "server_hostname": pinned.host} if security == "ssl" else {}
                reader, writer = await asyncio.open_connection(pinned.address, pinned.port, limit=BUFFER_SIZE, **tls)
                way = partial(cls.connect, pinned, security, timeout=timeout, context=context)
                session = cls(reader, writer, pinned, way)
                try:
                    await session._greet()
                    if security == "starttls":
                        await session._start_tls(context)
                except BaseException:
                    writer.transport.abort()
                    raise
                return session

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_exc):
        self.abort()

    def abort(self):
        """Drop the connection immediately."""
        self._writer.transport.abort()

    async def reopen(self):
        """Connect and log in again after the line was cut; which folder was open is forgotten."""
        self.abort()
        fresh = await self._way()
        try:
            await fresh.login(self._credentials)
            await fresh.ask_capabilities()
        except LoginRefused as err:  # it was taken a moment ago: a next look will tell
            fresh.abort()
            raise NetworkFailure(str(err)) from err
        except BaseException:
            fresh.abort()
            raise
        self._reader, self._writer, self.capabilities = fresh._reader, fresh._writer, fresh.capabilities
        self._waiting, self._replies, self._unread = {}, {}, 0
        self.has_qresync = self.is_named = False
        self.bytes_in, self.bytes_out = self.bytes_in + fresh.bytes_in, self.bytes_out + fresh.bytes_out

    @property
    def cipher(self):
        """Protocol version of the TLS connection, "" without TLS."""
        connection = self._writer.get_extra_info("ssl_object")
        return connection.version() if connection else ""

    @property
    def flag_items(self):
        """The FETCH items that say how a mail stands in the folder that is open; in Gmail's "All Mail" its labels."""
        return "FLAGS X-GM-LABELS" if self.shows_labels else "FLAGS"

    @property
    def server_ref_item(self):
        """The FETCH item by which this server names a content in whatever folder it is, "" when it has none."""
        return next((item for capability, item in _SERVER_REFS.items() if capability in self.capabilities), "")

    async def logout(self):
        """Say goodbye; whatever the server does then is of no interest."""
        self._leaving = True
        with contextlib.suppress(MailboxError):
            await self.run("LOGOUT", timeout=2)
        self.abort()

    async def login(self, credentials):
        """Log in and wait for the answer: what a server says to commands behind a refused login hides the refusal."""
        await self.ask_capabilities()
        if credentials.method == "oauth":
            token = f"user={credentials.login}\1auth=Bearer {credentials.secret}\1\1"
            reply = await self._authenticate(b"XOAUTH2", token.encode())
        else:
            reply = await self._log_in_by_password(credentials)
        if reply.status != b"OK":
            raise _refusal(reply, LoginRefused)
        self._credentials = credentials
        self.capabilities = frozenset()  # those before the login are others
        self._learn(reply)

    async def _log_in_by_password(self, credentials):
        """LOGIN where it is allowed and can say it, else SASL where it is offered (RFC 9051 6.2.2, 6.2.3, 7.2.2)."""
        login, secret = credentials.login.encode(), credentials.secret.encode()
        if b"\0" in login + secret:
            raise LoginRefused("A login or password cannot have such characters.")
        may_login = "LOGINDISABLED" not in self.capabilities
        is_plain = (login + secret).isascii() and (login + secret).decode().isprintable()
        if "AUTH=PLAIN" in self.capabilities and not (may_login and is_plain):
            return await self._authenticate(b"PLAIN", b"\0%s\0%s" % (login, secret))
        if not may_login:
            raise CertificateRefused("The server takes no password on this connection: use SSL/TLS or STARTTLS.")
        if is_plain:
            return await self._one(b"LOGIN %s %s" % (quote(credentials.login), quote(credentials.secret)))
        return await self._one(b"LOGIN {%d}" % len(login), login + b" {%d}" % len(secret), secret)

    async def _authenticate(self, mechanism, response):
        """SASL; the first answer goes with the command only where the server says that it may (RFC 4959)."""
        encoded = base64.b64encode(response)
        if "SASL-IR" in self.capabilities:
            return await self._one(b"AUTHENTICATE %s %s" % (mechanism, encoded))
        return await self._one(b"AUTHENTICATE " + mechanism, encoded)

    async def _one(self, command, *continuations):
        """The reply to one command, whatever it says; ``continuations``: what goes out each time the server asks."""
        self._continuations = deque(text + EMPTY_LINE for text in continuations)
        try:
            (reply,) = await self.pipeline(command)
        finally:
            self._continuations.clear()
        return reply

    async def run(self, command, timeout=None):
        """One command; raises ServerFault (or its kin) unless the server says OK."""
        (reply,) = await self.run_together(command, timeout=timeout)
        return reply

    async def run_together(self, *commands, timeout=None):
        """The replies to commands written together; raises as `run` does for the first that is not OK."""
        replies = await self.pipeline(*commands, timeout=timeout)
        for reply in replies:
            if reply.status != b"OK":
                raise _refusal(reply, ServerFault)
        return replies

    async def ask_of_mails(self, command):
        """(FETCH data, whether it is all): a server may refuse some mails and tell of the others (RFC 2180 4.1.2)."""
        (reply,) = await self.pipeline(command)
        refusal = None if reply.status == b"OK" else _refusal(reply, ServerFault)
        if isinstance(refusal, QuotaReached):
            raise refusal
        return reply.fetches(), not refusal

    async def pipeline(self, *commands, timeout=None):
        """Write all commands together and return their replies in order."""
        timeout = timeout or self.timeout
        with _translated(timeout):
            async with asyncio.timeout(timeout):
                tags = [self._write(command) for command in commands]
                await self._writer.drain()
                return [await self._read_until(tag) for tag in tags]

    async def append(self, folder, flags, raw, timeout=COMMAND_TIMEOUT):
        """File a mail in a folder (its quoted wire name); asks for leave first where the server wants to be asked."""
        is_immediate = "LITERAL+" in self.capabilities or (
            "LITERAL-" in self.capabilities and len(raw) <= LITERAL_IMMEDIATE
        )
        head = b"APPEND %s (%s) {%d%s}" % (folder, flags, len(raw), b"+" if is_immediate else b"")
        if is_immediate:
            return await self.run(head + b"\r\n" + raw, timeout=timeout)
        self._continuations = deque([raw + EMPTY_LINE])
        try:
            return await self.run(head, timeout=timeout)
        finally:
            self._continuations.clear()

    def send(self, command):
        """Write a command without waiting; pair with ``receive`` in the same order."""
        return self._write(command)

    async def receive(self, tag):
        """Wait for the reply of a command written by ``send``; raises as ``run`` does."""
        timeout = self.timeout
        with _translated(timeout):
            async with asyncio.timeout(timeout):
                await self._writer.drain()
                reply = await self._read_until(tag)
        if reply.status != b"OK":
            raise _refusal(reply, ServerFault)
        return reply

    def be_silent(self):
        """The line will be silent for hours: forget the secret, let the kernel find out when the other end is gone."""
        self._credentials = None
        line = self._writer.get_extra_info("socket")
        if line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in KEEP_ALIVE.items():
                line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    async def idle(self, seconds, heard):
        """Listen (IDLE, RFC 2177) for at most ``seconds``; ``heard(row)`` gets each response the moment it comes.

        Returns early when the server ends it; raises NetworkFailure when it does not even answer the DONE.
        """
        self._continuations = deque([GO_AHEAD])
        tag = self._write("IDLE")
        done = asyncio.get_running_loop().call_later(seconds, self._writer.write, b"DONE" + EMPTY_LINE)
        try:
            with _translated(self.timeout):
                async with asyncio.timeout(seconds + self.timeout):
                    await self._listen(tag, heard)
        finally:
            done.cancel()
            self._continuations.clear()
        reply = self._replies.pop(tag)
        if reply.status != b"OK":
            raise _refusal(reply, ServerFault)

    async def _listen(self, tag, heard):
        while tag not in self._replies:
            await self._read_one()
            rows = self._waiting[tag] if tag in self._waiting else self._replies[tag].data
            for row in rows:
                heard(row)
            rows.clear()
            self._unread = 0

    # === WIRE === #

    def _write(self, command):
        if isinstance(command, str):
            command = command.encode()
        tag = b"L%d" % next(self._tags)
        line = tag + b" " + command + b"\r\n"
        self.bytes_out += len(line)
        self._waiting[tag] = []
        self._writer.write(line)
        return tag

    def _count(self, size):
        self.bytes_in += size

    async def _read_until(self, tag):
        """The reply of one command; replies of other commands wait for their receiver.

        A server may work on pipelined commands side by side (RFC 3501 5.5, Dovecot does): untagged data
        says nothing about its command, so every waiting command gets it.
        """
        while tag not in self._replies:
            await self._read_one()
        return self._replies.pop(tag)

    async def _read_one(self):
        line, literals = await read_response(self._reader, self._count)
        done, _space, rest = line.partition(b" ")
        if line.startswith(b"+"):  # to an OAuth error's detail an empty line asks for the NO
            self._writer.write(self._continuations.popleft() if self._continuations else EMPTY_LINE)
        elif done in self._waiting:
            status, _space, text = rest.partition(b" ")
            data, self._unread = self._waiting.pop(done), 0
            self._replies[done] = Reply(status.upper(), text.decode("utf-8", "replace"), data)
        elif done == b"*":
            self._take_untagged(line, literals)

    def _take_untagged(self, line, literals):
        try:
            row = parse(line, literals)
        except (ServerFault, ValueError, IndexError):  # one bad response is not the end of all others
            self.skipped += 1
            _logger.warning("A response of %s cannot be read: %r", self._pinned and self._pinned.host, line[:200])
            return
        if len(row) > 1 and _upper(row[1]) == b"BYE" and not self._leaving:
            raise _refusal(Reply(b"BYE", line.decode("utf-8", "replace"), []), ConnectionEnded)
        self._unread += len(line) + sum(map(len, literals))
        if self._unread > ANSWER_MAX:
            raise ConnectionEnded("The server sent more than was asked for.")
        for data in self._waiting.values():
            data.append(row)

    async def _greet(self):
        line, _literals = await read_response(self._reader, self._count)
        if not line.upper().startswith(b"* OK"):
            raise _refusal(Reply(b"BYE", line.decode("utf-8", "replace"), []), ServerFault)
        self._learn(Reply(b"OK", line[5:].decode("utf-8", "replace"), []))

    async def _start_tls(self, context):
        (reply,) = await self.pipeline("STARTTLS")
        if reply.status != b"OK":  # not offered, or its offer was taken out on the way
            raise CertificateRefused(f"The server does not start TLS: {reply.text[:200]}")
        if self._reader._buffer:  # CVE-2021-33515: injected plain text
            raise CertificateRefused("The server does not start TLS correctly.")
        await self._writer.start_tls(context, server_hostname=self._pinned.host)
        self.capabilities = frozenset()

    def _learn(self, reply):
        """Capabilities come in the greeting, in the login's OK or untagged."""
        if "[CAPABILITY " in reply.text.upper():
            words = reply.text.upper().split("[CAPABILITY ", 1)[1].split("]")[0]
            self.capabilities = frozenset(words.split())
        for row in reply.rows(b"CAPABILITY"):
            self.capabilities = frozenset(
                word.decode("ascii", "replace").upper() for word in row if isinstance(word, bytes)
            )

    async def ask_capabilities(self):
        """Ask for what the server can do, unless it has said so already."""
        if not self.capabilities:
            self._learn(await self.run("CAPABILITY"))
        return self.capabilities


_BY_CODE = {
    **dict.fromkeys(("AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED"), LoginRefused),
    **dict.fromkeys(("OVERQUOTA", "LIMIT", "THROTTLED"), QuotaReached),
    **dict.fromkeys(("UNAVAILABLE", "SERVERBUG", "INUSE"), ServerFault),
}
_CODE = re.compile(r"\[([A-Z-]+)[ \]]")
_LIMIT_WORDS = re.compile(
    r"TOO MANY (?:\w+ ){0,2}(?:CONNECTIONS|SESSIONS|LOGINS)|RATE LIMIT|(?:BANDWIDTH|CONNECTION) LIMIT|THROTTL"
    r"|MAXIMUM NUMBER OF CONNECTIONS"
)
_PASSING_WORDS = re.compile(
    r"TEMPORAR|UNAVAILABLE|TRY (?:AGAIN )?LATER|INTERNAL (?:SERVER )?ERROR|NOT CONNECTED|SYS/TEMP"
)


def _refusal(reply, default):
    """The MailboxError that a NO, BAD or BYE means: response codes (RFC 5530) first, words without one."""
    text = reply.text.strip()[:200]
    code = _CODE.search(text.upper())
    if code and code[1] in _BY_CODE:
        return _BY_CODE[code[1]](text)
    if _LIMIT_WORDS.search(text.upper()):
        return QuotaReached(text)
    is_passing = default is LoginRefused and _PASSING_WORDS.search(text.upper())  # it says nothing about the password
    return (ServerFault if is_passing else default)(text)


@contextlib.contextmanager
def _translated(timeout):
    """Socket, TLS and timeout errors as MailboxError children."""
    try:
        yield
    except MailboxError:
        raise
    except TimeoutError as err:
        raise NetworkFailure(f"No answer within {timeout} seconds.") from err
    except ssl.SSLCertVerificationError as err:
        raise CertificateRefused(err.verify_message or "certificate refused") from err
    except ssl.SSLError as err:
        raise CertificateRefused(err.reason or "TLS failed") from err
    except (OSError, asyncio.IncompleteReadError) as err:
        raise NetworkFailure(getattr(err, "strerror", None) or "The connection was cut.") from err
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as err:
        raise ConnectionEnded("The server's answer is not IMAP.") from err
