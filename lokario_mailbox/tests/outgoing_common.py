import base64
import contextlib
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from freezegun import freeze_time
from imapclient import IMAPClient
from odoo import fields
from odoo.tests import HttpCase, TransactionCase

from lokario_testing.environments.mail import MailEnvironment
from lokario_testing.environments.smtp_sink import SmtpSink

MAILBOX, PASSWORD = "contact@alpha.example", "alpha-mailbox-pw"
CUSTOMER = "anne@client.example"


class MailOffice:
    """For test classes: `cls.environment`, a real Dovecot with one mailbox, and `cls.sink`, a hostile SMTP
    server before it.

    `cls.faults` is consumed one a connection of the sink.
    """

    filing = frozenset()  # mailboxes whose Sent copies the provider files itself

    @classmethod
    def open_mail_office(cls, mailbox, password):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        Path(folder.name).chmod(0o755)  # Dovecot reads as another user
        environment = MailEnvironment(Path(folder.name) / "mail")
        cls._make_environment(environment)
        cls.environment = cls.enterClassContext(environment)
        cls.environment.add_user(mailbox, password)
        cls.faults = []
        cls.sink = cls.enterClassContext(
            SmtpSink(
                Path(folder.name) / "journal",
                choose=lambda rng: cls.faults.pop(0) if cls.faults else "none",
                deliver=cls.environment.deliver,
                mailboxes=frozenset({mailbox}),
                filing=cls.filing,
                logins={mailbox: password},
                slowness=0.05,
            )
        )

    @classmethod
    def _make_environment(cls, environment):
        """Hook: change Dovecot before it starts."""


class OutgoingCase(MailOffice, TransactionCase):
    """One mailbox; everything leaves through the crons."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.open_mail_office(MAILBOX, PASSWORD)
        ports = (cls.environment.imap_port, cls.sink.port)
        cls.env["ir.config_parameter"].set_param(
            "lokario_mailbox.allowed_hosts", " ".join(f"127.0.0.1:{port}" for port in ports)
        )
        cls.env["ir.config_parameter"].set_param("lokario_mailbox.evidence_grace", "300")
        cls.integration = cls.env["inbox.integration"].create(cls._integration_values())
        cls.cron_send = cls.env.ref("lokario_mailbox.ir_cron_send_outgoing")
        cls.cron_file = cls.env.ref("lokario_mailbox.ir_cron_file_sent_copies")

    @classmethod
    def _integration_values(cls):
        return {
            "name": "Alpha",
            "email_address": MAILBOX,
            "email_password": PASSWORD,
            "visibility": "shared",
            "imap_host": "127.0.0.1",
            "imap_port": cls.environment.imap_port,
            "imap_security": "none",
            "smtp_host": "127.0.0.1",
            "smtp_port": cls.sink.port,
            "smtp_security": "none",
        }

    def setUp(self):
        super().setUp()
        self.faults.clear()
        self.sink.journal.write_text("")
        with self.imap() as client:
            for name in ("INBOX", "Sent"):
                client.select_folder(name)
                client.delete_messages(client.search())
                client.expunge()

    def imap(self):
        client = IMAPClient("127.0.0.1", self.environment.imap_port, ssl=False)
        client.login(MAILBOX, PASSWORD)
        return client

    def run_cron(self, cron, seconds=0):
        """Run a cron as the scheduler does, `seconds` from now."""
        test_mode = contextlib.nullcontext() if isinstance(self, HttpCase) else self.enter_registry_test_mode()
        with freeze_time(fields.Datetime.now() + timedelta(seconds=seconds)), test_mode:
            cron.method_direct_trigger()
        self.env.invalidate_all()

    def received(self, address=CUSTOMER):
        """Return the Message-IDs that reached an outside address, in order."""
        return [item.message_id for item in self.sink.deliveries() if item.recipient == address]

    def await_copy(self, mail, timeout=120):
        """Wait until the Bcc self-copy, which travels in its own time, lies in the mailbox."""
        deadline = time.monotonic() + timeout
        while mail.message_id_header not in self.in_folder("INBOX"):
            self.assertLess(time.monotonic(), deadline, "the Bcc self-copy never arrived")

    def queue_copies(self, integration, *names):
        """Have mails with these Message-IDs, sent a moment ago, filed in Sent."""
        mails = self.env["mailbox.outgoing"].create(
            [
                {
                    "integration_id": integration.id,
                    "source_model": "res.partner",
                    "source_id": integration.company_id.partner_id.id + number,
                    "message_id_header": name,
                    "recipients": CUSTOMER,
                    "raw": base64.b64encode(f"Message-ID: {name}\r\n\r\nBonjour\r\n".encode()),
                    "state": "sent",
                }
                for number, name in enumerate(names, self.env["mailbox.outgoing"].search_count([]))
            ]
        )
        self.env["inbox.sent.copy"]._queue(mails)

    def in_folder(self, name):
        """Return the Message-IDs in a folder of the mailbox."""
        with self.imap() as client:
            client.select_folder(name, readonly=True)
            found = client.fetch(client.search(), ["ENVELOPE"])
            return sorted(item[b"ENVELOPE"].message_id.decode() for item in found.values())
