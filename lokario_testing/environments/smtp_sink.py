"""A hostile SMTP server on loopback: slow, dropping, doubling, refusing, and filing Sent copies like some providers.

Own sockets instead of aiosmtpd, because the faults sit between the bytes of the protocol. What it took is in a journal
file (one JSON object a line), so that another process can read it after the sender was killed.
"""

import base64
import contextlib
import json
import random
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from email.parser import BytesHeaderParser
from pathlib import Path

FAULTS = (
    "none",
    "slow",  # takes the mail, answers late
    "crawl",  # makes the sender wait before it may begin with the mail
    "drop_after",  # takes the mail and cuts the connection before 250
    "double",  # takes the mail and answers 451: a blind retry doubles it
    "drop_data",  # cuts the connection in the middle of the mail
    "drop_mail",  # cuts the connection at MAIL FROM
    "busy",  # 451 at RCPT
    "greylist",  # 450 after the dot, without taking the mail
)


@dataclass
class Delivery:
    """One recipient of one accepted mail. Times are seconds since the epoch."""

    sender: str
    recipient: str
    message_id: str
    login: str
    raw: str
    time: float


@dataclass
class SmtpSink:
    """`choose(random)` names the fault of a connection; `deliver(address, raw, folder)` puts a mail into a mailbox.

    `mailboxes`: addresses that live here (the mailbox itself and its Sent folder); `filing`: those whose Sent copy the
    server files itself; `rejects`: recipients answered with the given line; `logins`: login -> password, empty takes
    all; `tokens(token)` returns the login whose XOAUTH2 token it is, or None; `mails_a_session`: after so many the
    server says 421, 0 for no limit; `talking`: how many connections are open.
    """

    journal: Path
    choose: Callable = lambda rng: "none"
    deliver: Callable | None = None
    mailboxes: frozenset = frozenset()
    filing: frozenset = frozenset()
    logins: dict = field(default_factory=dict)
    tokens: Callable = lambda token: None
    rejects: dict = field(default_factory=dict)
    slowness: float = 0.2  # seconds
    mails_a_session: int = 0
    seed: int = 1
    port: int = 0
    talking: int = field(default=0, init=False)

    def __post_init__(self):
        self._rng = random.Random(self.seed)
        self._lock = threading.Lock()
        self.journal.touch()

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_exc):
        self._listener.close()

    def deliveries(self) -> list[Delivery]:
        with self._lock:
            return [Delivery(**json.loads(line)) for line in self.journal.read_text().splitlines()]

    def _serve(self):
        while True:
            try:
                connection, __ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                fault = self.choose(self._rng)
                self.talking += 1
            threading.Thread(target=self._converse, args=(connection, fault), daemon=True).start()

    def _converse(self, connection, fault):
        try:
            with connection, contextlib.suppress(OSError, ValueError):
                connection.settimeout(60)
                _Conversation(self, connection, fault).run()
        finally:
            with self._lock:
                self.talking -= 1

    def take(self, sender, recipients, raw, login):
        """Accept a mail: journal first, then the mailboxes that live here."""
        message_id = BytesHeaderParser().parsebytes(raw).get("Message-ID", "").strip()
        with self._lock, self.journal.open("a") as stream:
            for recipient in recipients:
                entry = Delivery(sender, recipient, message_id, login, raw.decode("latin-1"), time.time())
                stream.write(json.dumps(asdict(entry)) + "\n")
        for recipient in recipients:
            if self.deliver and recipient in self.mailboxes:
                self.deliver(recipient, raw, "INBOX")
        if self.deliver and sender in self.filing:
            self.deliver(sender, raw, "Sent")


class _Conversation:
    def __init__(self, sink, connection, fault):
        self.sink, self.connection, self.fault = sink, connection, fault
        self.stream = connection.makefile("rb")
        self.login, self.taken = "", 0
        self._reset()

    def _reset(self):
        self.sender, self.recipients = "", []

    def say(self, line):
        self.connection.sendall(line.encode() + b"\r\n")

    def run(self):
        self.say("220 sink ESMTP")
        while line := self.stream.readline():
            verb, _space, rest = line.decode("latin-1").strip().partition(" ")
            if getattr(self, f"on_{verb.lower()}", self.unknown)(rest) == "bye":
                return

    def unknown(self, _rest):
        self.say("502 5.5.1 Unknown command")

    def on_ehlo(self, _rest):
        self.connection.sendall(
            b"250-sink\r\n250-8BITMIME\r\n250-AUTH PLAIN LOGIN XOAUTH2\r\n250 ENHANCEDSTATUSCODES\r\n"
        )

    def on_helo(self, _rest):
        self.say("250 sink")

    def on_noop(self, _rest):
        self.say("250 2.0.0 OK")

    def on_rset(self, _rest):
        self._reset()
        self.say("250 2.0.0 OK")

    def on_quit(self, _rest):
        self.say("221 2.0.0 Bye")
        return "bye"

    def on_auth(self, rest):
        method, _space, initial = rest.partition(" ")
        if method.upper() == "XOAUTH2":
            return self._auth_by_token(initial)
        if method.upper() == "PLAIN":
            __, login, password = base64.b64decode(initial or self._ask("")).decode().split("\0")
        else:
            login = base64.b64decode(initial or self._ask("VXNlcm5hbWU6")).decode()
            password = base64.b64decode(self._ask("UGFzc3dvcmQ6")).decode()
        if self.sink.logins and self.sink.logins.get(login) != password:
            return self.say("535 5.7.8 Authentication credentials invalid")
        self.login = login
        return self.say("235 2.7.0 Authenticated")

    def _auth_by_token(self, initial):
        """Google's and Microsoft's XOAUTH2: a refusal comes as 334 with its reason, and 535 after an empty line."""
        user, bearer, *_end = base64.b64decode(initial).decode().split("\1")
        login = user.removeprefix("user=")
        if self.sink.tokens(bearer.removeprefix("auth=Bearer ")) == login:
            self.login = login
            return self.say("235 2.7.0 Authenticated")
        self._ask(base64.b64encode(b'{"status": "401", "schemes": "bearer"}').decode())
        return self.say("535 5.7.3 Authentication unsuccessful")

    def _ask(self, prompt):
        self.say(f"334 {prompt}")
        return self.stream.readline().strip()

    def on_mail(self, rest):
        if self.fault == "drop_mail":
            return "bye"
        if self.taken and self.taken == self.sink.mails_a_session:
            self.say("421 4.7.0 Too many mails in this session")
            return "bye"
        self._reset()
        self.sender = _address(rest)
        return self.say("250 2.1.0 OK")

    def on_rcpt(self, rest):
        address = _address(rest)
        if self.fault == "busy":
            return self.say("451 4.3.2 Come back later")
        if refusal := self.sink.rejects.get(address):
            return self.say(refusal)
        self.recipients.append(address)
        return self.say("250 2.1.5 OK")

    def on_data(self, _rest):
        if not self.recipients:
            return self.say("503 5.5.1 No recipients")
        if self.fault == "crawl":
            time.sleep(self.sink.slowness)
        self.say("354 Go ahead")
        if self.fault == "drop_data":
            self.stream.read(10)
            return "bye"
        raw = self._read_mail()
        if raw is None:
            return "bye"
        return self._answer(raw)

    def _read_mail(self):
        lines = []
        while line := self.stream.readline():
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b"..") else line)
        return None  # the client went away before the final dot: the mail is not accepted

    def _answer(self, raw):
        if self.fault == "greylist":
            return self.say("450 4.2.0 Greylisted")
        if self.fault == "slow":
            time.sleep(self.sink.slowness)
        self.sink.take(self.sender, self.recipients, raw, self.login)
        self.taken += 1
        self._reset()
        if self.fault == "drop_after":
            return "bye"
        if self.fault == "double":
            return self.say("451 4.3.0 Local error in processing")
        return self.say("250 2.0.0 Queued")


def _address(rest: str) -> str:
    return rest.split("<", 1)[1].split(">", 1)[0].lower()
