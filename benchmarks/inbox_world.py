"""What the inbox's benchmarks and chaos share: Odoo in this process, Dovecot with filled mailboxes, a slow line."""

import asyncio
import contextlib
import random
import shutil
import socket
import tempfile
import threading
from email.message import EmailMessage
from pathlib import Path

from lokario_cli.setup.postgres import Cluster
from lokario_cli.worlds.mail import MailWorld
from lokario_cli.worlds.odoo import TEST_SECRETS, World, write_configuration

PASSWORD = "bench-password"  # noqa: S105  of mailboxes on loopback
WORDS = (
    "bonjour merci facture devis livraison commande projet réunion demande prix délai question client produit "
    "service the order please invoice meeting project delivery price thank you regards team update contract"
).split()


@contextlib.contextmanager
def inbox_world(driver="sdbox", name="lokario_bench_inbox", addons="lokario_inbox"):
    """Yield an open InboxWorld: database with the inbox installed, registry loaded, Dovecot running."""
    folder = Path(tempfile.mkdtemp(prefix="lokario-mail-", dir="/dev/shm"))  # noqa: S108  no disk in the figures
    with Cluster.for_tests() as cluster, MailWorld(folder, driver=driver) as mail:
        world = World(cluster)
        database = world.clone(world.template(), name)
        world.run_odoo(database, "-i", addons, "--stop-after-init")
        inbox = InboxWorld(world, database, mail)
        try:
            inbox.load()
            yield inbox
        finally:
            inbox.close()
            world.drop(database)
            shutil.rmtree(folder, ignore_errors=True)


class InboxWorld:
    """``env()`` gives a fresh cursor as superuser; commits are real."""

    def __init__(self, world, database, mail):
        self.world, self.database, self.mail = world, database, mail

    def load(self):
        """Load the registry into this process, so that forked children have it, too."""
        import os

        from odoo.modules.registry import Registry
        from odoo.tools import config

        os.environ.update({key: os.environ.get(key, value) for key, value in TEST_SECRETS.items()})
        conf = write_configuration(self.mail.folder / "odoo.conf", self.world.options())
        config.parse_config(["-c", str(conf), "-d", self.database, "--log-level", "error"], setup_logging=True)
        self.registry = Registry(self.database)
        with self.env() as env:
            env["ir.config_parameter"].set_param("lokario_inbox.allowed_hosts", "127.0.0.0/8:1-65535")
            ports = f"127.0.0.1:{self.mail.imap_port}"
            env["ir.config_parameter"].set_param("lokario_inbox.allowed_hosts", ports)
            env["ir.cron"].search([]).active = False

    def close(self):
        import odoo.sql_db

        odoo.sql_db.close_all()

    @contextlib.contextmanager
    def env(self):
        """An environment whose work is committed at the end."""
        from odoo import SUPERUSER_ID, api

        with self.registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {})

    def allow(self, *ports):
        """Let integrations connect to these loopback ports."""
        with self.env() as env:
            entries = ",".join(f"127.0.0.1:{port}" for port in ports)
            env["ir.config_parameter"].set_param("lokario_inbox.allowed_hosts", entries)

    def add_box(self, env, address, port=None, **values):
        """An integration on a fresh mailbox."""
        self.mail.add_user(address, PASSWORD)
        return env["inbox.integration"].with_context(tracking_disable=True).create({
            "name": address, "email_address": address, "email_password": PASSWORD,
            "imap_host": "127.0.0.1", "imap_port": port or self.mail.imap_port, "imap_security": "none",
            "visibility": "shared", **values,
        })

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
    """Ordinary mail: 6.6 KB on average, one in ten with a 9 KB attachment, six in ten are replies."""
    dice = random.Random(seed)
    mails = []
    for number in range(count):
        mail = EmailMessage()
        sender = dice.randrange(max(count // 20, 5))
        mail["From"] = f"Client n° {sender} <client{sender}@example{sender % 50}.org>"
        mail["To"] = "contact@mail.test"
        mail["Message-ID"] = f"<{seed}.{number}@example.org>"
        mail["Date"] = f"Fri, {1 + number % 20:02} Nov 2026 {number % 24:02}:{number % 60:02}:00 +0100"
        subject = " ".join(dice.choices(WORDS, k=5))
        if number and dice.random() < 0.6:
            parent = max(0, number - 1 - dice.randrange(20))
            mail["In-Reply-To"] = mail["References"] = f"<{seed}.{parent}@example.org>"
            subject = f"Re: {subject}"
        mail["Subject"] = subject
        mail.set_content("\n".join(" ".join(dice.choices(WORDS, k=12)) for _line in range(dice.randint(20, 110))))
        if number % 10 == 0:
            mail.add_attachment(dice.randbytes(6600), maintype="application", subtype="pdf", filename="devis é.pdf")
        mails.append(mail.as_bytes())
    return mails


class DelayProxy:
    """A TCP line with a round-trip time: ``with DelayProxy(port, 0.020) as proxy: proxy.port``."""

    def __init__(self, target, round_trip):
        self.target, self.delay = target, round_trip / 2
        self.bytes = 0
        self._loop = asyncio.new_event_loop()

    def __enter__(self):
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=2048), self._loop
        ).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_exc):
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _accept(self, reader, writer):
        await asyncio.sleep(self.delay * 2)  # the TCP handshake
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _pump(self, reader, writer):
        loop = asyncio.get_running_loop()
        last = 0.0
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                self.bytes += len(data)
                last = max(last, loop.time() + self.delay)
                loop.call_at(last, writer.write, data)
        loop.call_at(max(last, loop.time() + self.delay), writer.close)
