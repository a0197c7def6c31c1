"""Hand messages to an MTA over kept SMTP connections, the next envelope pipelined with each body.

RFC 5321 (SMTP), RFC 2920 (pipelining: DATA ends a group); a server without PIPELINING gets one command at a time. An
answer is never assumed: a message whose end was sent and whose answer did not come is UNKNOWN, and only the MTA's own
records can decide.
"""

import socket
import ssl
import time
from collections import deque
from enum import StrEnum
from itertools import chain, islice
from typing import NamedTuple

from ..exceptions import EngineError, EngineRejected, EngineUnavailable
from .finding import translatable as _

CONNECTIONS = 2  # of one worker: one is given a message while another waits
TIMEOUT = 60.0  # seconds for one answer
FRESH = 240.0  # seconds after which a worker that was paused hands over nothing more: longer than three answers
RECEIVE = 65536
MAX_LINE = 8192


class Outcome(StrEnum):
    ACCEPTED = "accepted"  # 250 after the end of data
    REFUSED = "refused"  # 5xx: never again
    DEFERRED = "deferred"  # 4xx: later
    UNKNOWN = "unknown"  # the end of data was sent, no answer came
    UNSENT = "unsent"  # the end of data was never sent


class Outgoing(NamedTuple):
    """key: the caller's; data: dot-stuffed, ended by CRLF.CRLF."""

    key: int
    sender: str
    rcpt: str
    data: bytes


class Result(NamedTuple):
    key: int
    outcome: Outcome
    answer: str


class SmtpFeeder:
    """Connections to one MTA, opened at need and kept between windows: while one waits for an answer, another sends."""

    def __init__(self, host, port, **options):
        """options: of `_Connection`."""
        self._connections = [_Connection((host, port), **options) for _number in range(CONNECTIONS)]

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.close()

    def feed(self, messages):
        """List of `Result`s, one for each of the `Outgoing` messages (any iterable), in the order of the answers.

        Each message is asked for while the server works on those before. Raises `EngineUnavailable` only
        when no message was handed over at all.
        """
        messages, results = iter(messages), []
        firsts, messages = self._open(messages)
        running = deque(one.feed(first, messages, results) for one, first in firsts)
        while running:
            conversation = running.popleft()
            if next(conversation, None):
                running.append(conversation)
        results += [Result(one.key, Outcome.UNSENT, results[-1].answer) for one in messages]
        return results

    def close(self):
        for connection in self._connections:
            connection.close()

    def _open(self, messages):
        """([(connection, its first message)], the messages after those); no more connections than messages."""
        firsts = []
        for connection in self._connections:
            first = next(messages, None)
            if first is None:
                break
            try:
                connection.open()
            except EngineError:
                if not firsts:
                    raise
                self._connections = self._connections[: len(firsts)]  # the server does not want that many
                return firsts, chain([first], messages)
            firsts.append((connection, first))
        return firsts, messages


class _Connection:
    """One conversation with the server, opened again after it was lost."""

    def __init__(self, address, *, helo="localhost", starttls=False, timeout=TIMEOUT):
        self._address = address
        self._helo = helo
        self._starttls = starttls
        self._timeout = timeout
        self._socket = None
        self._buffer = b""

    def feed(self, first, messages, results):
        """Hand over the first one and as many of the messages as others leave; yields where an answer is waited for.

        A message that the connection was lost with is among the results, too.
        """
        self._ending, pending = False, deque([first])
        self._stale_at = time.monotonic() + FRESH
        feed = self._feed_pipelined if self._pipelining else self._feed_stepwise
        try:
            yield from feed(messages, pending, results)
        except (OSError, EngineUnavailable) as error:
            self._drop()
            self._add_lost(pending, results, str(error))

    def close(self):
        if self._socket:
            try:
                self._socket.sendall(b"QUIT\r\n")
            except OSError:
                self._drop()
                return
            self._drop()

    def _feed_pipelined(self, messages, pending, results):
        """pending: the message that is handed over, and the one whose envelope follows it."""
        self._socket.sendall(_envelope(pending[0]))
        pending.extend(islice(messages, 1))
        while pending:
            refusal = self._read_envelope()
            if refusal and refusal[0] == 421:
                raise EngineUnavailable(refusal[1])
            envelope = _envelope(pending[1]) if len(pending) > 1 else b""
            if refusal:
                self._socket.sendall(envelope)
                results.append(_result(pending.popleft(), *refusal))
            else:
                self._send_data(pending[0].data + envelope)
                pending.extend(islice(messages, 1))
                yield True
                answer = self._read()
                self._ending = False
                results.append(_result(pending.popleft(), *answer))
            pending.extend(islice(messages, 2 - len(pending)))

    def _feed_stepwise(self, messages, pending, results):
        while pending:
            answer = self._introduce(pending[0])
            if answer is None:
                self._send_data(pending[0].data)
                yield True
                answer = self._read()
                self._ending = False
            results.append(_result(pending.popleft(), *answer))
            pending.extend(islice(messages, 1))

    def _introduce(self, message):
        """None when the body may follow, else (code, text) of the refusal; one command at a time."""
        for command in _envelope(message).splitlines(keepends=True):
            self._socket.sendall(command)
            code, text = self._read()
            if code == 421:
                raise EngineUnavailable(text)
            if code >= 400:
                self._reset()
                return code, text
        return None

    def _send_data(self, data):
        if time.monotonic() > self._stale_at:
            raise EngineUnavailable(_("This worker was paused while handing over"))
        self._ending = True
        self._socket.sendall(data)

    def _read_envelope(self):
        """None when the body may follow, else (code, text) of the refusal."""
        answers = [self._read() for _command in ("MAIL", "RCPT", "DATA")]
        refusal = next((answer for answer in answers[:2] if answer[0] >= 400), None)
        if answers[2][0] == 354:
            if refusal is None:
                return None
            self._socket.sendall(b".\r\n")  # RFC 2920: no recipient, yet data is awaited
            self._read()
            return refusal
        if refusal or answers[2][0] >= 400:
            self._reset()
        return refusal or answers[2]

    def _reset(self):
        self._socket.sendall(b"RSET\r\n")
        self._read()

    def _add_lost(self, messages, results, reason):
        outcome = Outcome.UNKNOWN if self._ending else Outcome.UNSENT
        for message in messages:
            results.append(Result(message.key, outcome, reason))
            outcome = Outcome.UNSENT

    def open(self):
        if self._socket:
            return
        try:
            self._socket = socket.create_connection(self._address, self._timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._buffer = b""
            self._expect(220, None)
            extensions = self._expect(250, f"EHLO {self._helo}")
            if self._starttls:
                self._start_tls()
                extensions = self._expect(250, f"EHLO {self._helo}")
        except OSError as error:
            self._drop()
            server = f"{self._address[0]}:{self._address[1]}"
            raise EngineUnavailable(_("%(server)s does not answer: %(error)s"), server=server, error=error) from error
        except (EngineUnavailable, EngineRejected):
            self._drop()
            raise
        self._pipelining = "PIPELINING" in extensions.upper()

    def _start_tls(self):
        self._expect(220, "STARTTLS")
        if self._buffer:
            raise EngineRejected(_("The delivery server spoke before TLS began"))
        self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=self._address[0])

    def _expect(self, wanted, command):
        if command:
            self._socket.sendall(command.encode() + b"\r\n")
        code, text = self._read()
        if code != wanted:
            raise (EngineRejected if code >= 500 else EngineUnavailable)(f"{code} {text}")
        return text

    def _read(self):
        """(code, text) of one answer of one or more lines."""
        lines = []
        while True:
            line = self._read_line()
            if len(line) < 3 or not line[:3].isdigit():
                raise EngineUnavailable(_("The delivery server answered %(line)s"), line=repr(line[:80]))
            lines.append(line[4:])
            if line[3:4] != b"-":
                return int(line[:3]), b" ".join(lines).decode("utf-8", "replace")

    def _read_line(self):
        while True:
            line, end, rest = self._buffer.partition(b"\n")
            if end:
                self._buffer = rest
                return line.rstrip(b"\r")
            if len(self._buffer) > MAX_LINE:
                raise EngineUnavailable(_("The delivery server sends endless lines"))
            data = self._socket.recv(RECEIVE)
            if not data:
                raise EngineUnavailable(_("The delivery server closed the connection"))
            self._buffer += data

    def _drop(self):
        if self._socket:
            self._socket.close()
            self._socket = None


def _envelope(message):
    return f"MAIL FROM:<{message.sender}>\r\nRCPT TO:<{message.rcpt}>\r\nDATA\r\n".encode()


def _result(message, code, text):
    outcome = {2: Outcome.ACCEPTED, 5: Outcome.REFUSED}.get(code // 100, Outcome.DEFERRED)
    return Result(message.key, outcome, f"{code} {text}"[:500])
