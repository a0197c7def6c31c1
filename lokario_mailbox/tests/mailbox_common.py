"""A real Dovecot, a company mailbox in it, and the crons of the inbox as the tests' doors."""

import imaplib
import socket
import tempfile
from email.message import EmailMessage
from pathlib import Path

from odoo.tests import TransactionCase

from lokario_testing.environments.mail import MailEnvironment

PASSWORD = 'correct"horse\\battery'


def make_mail(number, **headers):
    """A small, ordinary mail as bytes."""
    mail = EmailMessage()
    values = {
        "From": f"Client {number} <client{number}@example.org>",
        "To": "contact@mail.test",
        "Subject": f"Question {number}",
        "Message-ID": f"<m{number}@example.org>",
        "Date": "Fri, 20 Nov 2026 10:00:00 +0100",
        **headers,
    }
    for name, value in values.items():
        if value is not None:
            mail[name.replace("_", "-")] = value
    mail.set_content(f"Bonjour,\nvoici la question numéro {number}.\n")
    return mail.as_bytes()


class Postman:
    """Puts mails into mailboxes of ``self.environment``."""

    def fill(self, address, raws, folder="INBOX", batch=100):
        """Put bytes into a mailbox as they are (imaplib would change their line ends)."""
        with socket.create_connection(("127.0.0.1", self.environment.imap_port)) as connection:
            stream = connection.makefile("rwb")
            stream.readline()
            quoted = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
            self._say(stream, f'LOGIN "{address}" "{quoted}"'.encode())
            for start in range(0, len(raws), batch):
                parts = [b"() {%d+}\r\n%s" % (len(raw), raw) for raw in raws[start : start + batch]]
                self._say(stream, f'APPEND "{folder}" '.encode() + b" ".join(parts))

    def _say(self, stream, command):
        stream.write(b"a " + command + b"\r\n")
        stream.flush()
        while not (line := stream.readline()).startswith(b"a "):
            self.assertTrue(line, "Dovecot cut the connection")
        self.assertTrue(line.startswith(b"a OK"), line)


class MailboxCase(Postman, TransactionCase):
    """``self.environment`` is a Dovecot of the class, ``self.box()`` an integration with its own mailbox."""

    driver = "sdbox"
    password = PASSWORD

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = Path(tempfile.mkdtemp(prefix="lokario-mail-"))
        environment = MailEnvironment(folder, driver=cls.driver, everybody=PASSWORD)
        cls._make_environment(environment)
        cls.environment = cls.enterClassContext(environment)
        cls._allow_hosts(cls.env, f"127.0.0.1:{cls.environment.imap_port}")

    @classmethod
    def _make_environment(cls, environment):
        """Hook: change the environment before it starts."""

    @staticmethod
    def _allow_hosts(env, *entries):
        env["ir.config_parameter"].sudo().set_param("lokario_mailbox.allowed_hosts", ",".join(entries))

    def box(self, address="contact@mail.test", **values):
        """An integration on a mailbox of the environment that only this test uses."""
        address = self.own(address)
        return self.env["inbox.integration"].create(
            {
                "name": address,
                "email_address": address,
                "email_password": PASSWORD,
                "imap_host": "127.0.0.1",
                "imap_port": self.environment.imap_port,
                "imap_security": "none",
                "visibility": "shared",
                **values,
            }
        )

    def own(self, address):
        """The tests of a class share one Dovecot: every test has its own addresses there."""
        local, _at, domain = address.partition("@")
        suffix = f".{self._testMethodName}"[:60]
        return address if local.endswith(suffix) else f"{local}{suffix}@{domain}"

    def imap(self, address="contact@mail.test"):
        """A plain client of the same mailbox: the user's phone."""
        client = imaplib.IMAP4("127.0.0.1", self.environment.imap_port)
        self.addCleanup(client.shutdown)
        client.login(self.own(address), PASSWORD)
        return client

    def append(self, client, raws, folder="INBOX", flags=""):
        for raw in raws:
            status, _data = client.append(folder, flags, None, raw)
            self.assertEqual(status, "OK")
