"""What the inbox's benchmarks and chaos share: Odoo in this process, Dovecot with filled mailboxes, a slow line."""

import asyncio
import contextlib
import logging
import os
import random
import shutil
import signal
import socket
import tempfile
from email.message import EmailMessage
from pathlib import Path

from lokario_cli.paths import memory_folder
from lokario_testing.environments.loaded import LoadedOdoo, fresh_database
from lokario_testing.environments.mail import MailEnvironment

PASSWORD = "bench-password"
PIECE = 2**20  # bytes a slow line carries at once: it shall take time, not computing time
WORDS = [
    "bonjour",
    "merci",
    "facture",
    "devis",
    "livraison",
    "commande",
    "projet",
    "réunion",
    "demande",
    "prix",
    "délai",
    "question",
    "client",
    "produit",
    "service",
    "the",
    "order",
    "please",
    "invoice",
    "meeting",
    "project",
    "delivery",
    "price",
    "thank",
    "you",
    "regards",
    "team",
    "update",
    "contract",
]


@contextlib.contextmanager
def inbox_environment(driver="sdbox", name="lokario_bench_inbox", addons="lokario_inbox", cluster=None):
    """Yield an open InboxEnvironment: database with the inbox installed, registry loaded, Dovecot running."""
    memory_folder().mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="mail-", dir=memory_folder()))  # no disk in the results
    try:
        with (
            fresh_database(name, addons, cluster) as (environment, database),
            MailEnvironment(folder, driver=driver, everybody=PASSWORD) as mail,
            contextlib.closing(InboxEnvironment(environment, database, mail)) as inbox,
        ):
            yield inbox
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class InboxEnvironment(LoadedOdoo):
    """A mail provider whose mailboxes are integrations here."""

    def __init__(self, environment, database, mail):
        super().__init__(environment, database)
        self.mail = mail
        self.allow(mail.imap_port)

    def allow(self, *ports):
        """Let integrations connect to these loopback ports."""
        with self.env() as env:
            entries = ",".join(f"127.0.0.1:{port}" for port in ports)
            env["ir.config_parameter"].set_param("lokario_mailbox.allowed_hosts", entries)

    def add_box(self, env, address, port=None, **values):
        """An integration on a fresh mailbox."""
        return (
            env["inbox.integration"]
            .with_context(tracking_disable=True)
            .create(
                {
                    "name": address,
                    "email_address": address,
                    "email_password": PASSWORD,
                    "imap_host": "127.0.0.1",
                    "imap_port": port or self.mail.imap_port,
                    "imap_security": "none",
                    "visibility": "shared",
                    **values,
                }
            )
        )

    def fill(self, address, raws, folder="INBOX", batch=100):
        """Put mails into a mailbox: MULTIAPPEND with non-synchronising literals, all in one go."""
        with socket.create_connection(("127.0.0.1", self.mail.imap_port)) as connection:
            stream = connection.makefile("rwb")
            stream.readline()
            _command(stream, f'LOGIN "{address}" "{PASSWORD}"'.encode())
            for start in range(0, len(raws), batch):
                parts = [b"() {%d+}\r\n%s" % (len(raw), raw) for raw in raws[start : start + batch]]
                _command(stream, f'APPEND "{folder}" '.encode() + b" ".join(parts))
            _command(stream, b"LOGOUT")


def _command(stream, command):
    stream.write(b"a " + command + b"\r\n")
    stream.flush()
    while not (line := stream.readline()).startswith(b"a "):
        if not line:
            raise OSError("Dovecot cut the connection")
    if not line.startswith(b"a OK"):
        raise OSError(line.decode())


def make_mails(count, seed=1):
    """Ordinary mail: 6.6 KB on average, one in ten with a 9 KB attachment, six in ten answer in a conversation."""
    dice = random.Random(seed)
    mails, authors = [], []
    for number in range(count):
        mail = EmailMessage()
        parent = max(0, number - 1 - dice.randrange(20)) if number and dice.random() < 0.6 else None
        authors.append(dice.randrange(max(count // 20, 5)) if parent is None else authors[parent])
        mail["From"] = f"Client n° {authors[-1]} <client{authors[-1]}@example{authors[-1] % 50}.org>"
        mail["To"] = "contact@mail.test"
        mail["Message-ID"] = f"<{seed}.{number}@example.org>"
        mail["Date"] = f"Fri, {1 + number % 20:02} Nov 2026 {number % 24:02}:{number % 60:02}:00 +0100"
        subject = " ".join(dice.choices(WORDS, k=5))
        if parent is not None:
            mail["In-Reply-To"] = mail["References"] = f"<{seed}.{parent}@example.org>"
            subject = f"Re: {subject}"
        mail["Subject"] = subject
        mail.set_content("\n".join(" ".join(dice.choices(WORDS, k=12)) for _line in range(dice.randint(20, 110))))
        if number % 10 == 0:
            mail.add_attachment(dice.randbytes(6600), maintype="application", subtype="pdf", filename="devis é.pdf")
        mails.append(mail.as_bytes())
    return mails


class SlowLine:
    """A TCP line with a round-trip time, in a process of its own: ``with SlowLine(port, 0.02) as line: line.port``.

    ``manner``: "carry", or what bad servers do: "hang" (accept and say nothing), "drip" (one byte a second).
    """

    def __init__(self, target, round_trip, manner="carry"):
        self.target, self.delay, self.manner = target, round_trip / 2, manner

    def __enter__(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        self.port = listener.getsockname()[1]
        self.pid = os.fork()
        if not self.pid:
            logging.getLogger("asyncio").disabled = True  # clients that leave early are ordinary here
            asyncio.run(self._serve(listener))
        listener.close()
        return self

    def __exit__(self, *_exc):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def cut(self):
        """Reset every open connection."""
        os.kill(self.pid, signal.SIGUSR1)

    async def _serve(self, listener):
        self.writers = set()
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGUSR1, lambda: [writer.transport.abort() for writer in list(self.writers)]
        )
        accept = {"carry": self._carry, "hang": self._hang, "drip": self._drip}[self.manner]
        server = await asyncio.start_server(accept, sock=listener, limit=PIECE)
        await server.serve_forever()

    async def _hang(self, reader, _writer):
        await reader.read()

    async def _drip(self, _reader, writer):
        with contextlib.suppress(OSError):
            for byte in b"* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n" * 10:
                writer.write(bytes([byte]))
                await asyncio.sleep(1)

    async def _carry(self, reader, writer):
        await asyncio.sleep(self.delay * 2)  # the TCP handshake
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target, limit=PIECE)
        except OSError:
            writer.close()
            return
        self.writers |= {writer, far_writer}
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        self.writers -= {writer, far_writer}

    async def _pump(self, reader, writer):
        loop = asyncio.get_running_loop()
        last = 0.0
        with contextlib.suppress(OSError):
            while data := await reader.read(PIECE):
                last = max(last, loop.time() + self.delay)
                loop.call_at(last, writer.write, data)
        loop.call_at(max(last, loop.time() + self.delay), writer.close)
