import socket
import time

from odoo import fields
from odoo.tests import tagged

from odoo.addons.lokario_mailbox.tests.outgoing_common import CUSTOMER, PASSWORD

from .outgoing_common import OutgoingCase

HOLES = 3
TIMEOUT = 15  # seconds that a black hole costs: more than ten mails take on a busy machine


@tagged("post_install", "-at_install")
class TestOutgoingWorkers(OutgoingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        parameters = cls.env["ir.config_parameter"]
        parameters.set_param("lokario_mailbox.smtp_timeout", str(TIMEOUT))
        parameters.set_param("lokario_mailbox.imap_timeout", str(TIMEOUT))
        cls.holes = [socket.create_server(("127.0.0.1", 0), backlog=64) for __ in range(HOLES)]
        ports = [cls.environment.imap_port, cls.sink.port, *(hole.getsockname()[1] for hole in cls.holes)]
        parameters.set_param("lokario_mailbox.allowed_hosts", " ".join(f"127.0.0.1:{port}" for port in ports))

    def add_mailbox(self, address, port, **values):
        self.sink.logins[address] = PASSWORD
        values = {**self._integration_values(), "name": address, "email_address": address, "smtp_port": port, **values}
        return self.env["inbox.integration"].create(values)

    def run_now(self, cron):
        """A cron with the wall clock."""
        with self.enter_registry_test_mode():
            cron.method_direct_trigger()
        self.env.invalidate_all()

    def test_black_holes_delay_nobody(self):
        """Mailboxes whose servers accept the connection and say nothing, first in the queue."""
        dead = [
            self.draft(integration_id=self.add_mailbox(f"dead{number}@alpha.example", hole.getsockname()[1]).id)
            for number, hole in enumerate(self.holes)
        ]
        living = [
            self.draft(integration_id=self.add_mailbox(f"box{number}@alpha.example", self.sink.port).id)
            for number in range(10)
        ]
        self.integration.company_id.inbox_undo_seconds = 0
        for mail in [*dead, *living]:
            mail.action_send()
        begun = time.time()
        self.run_now(self.cron_send)
        self.assertEqual({mail.state for mail in living}, {"sent"})
        self.assertLess(max(item.time for item in self.sink.deliveries()) - begun, TIMEOUT)
        self.assertEqual({mail.state for mail in dead}, {"scheduled"})
        self.assertEqual({mail.integration_id.sending_hold_cause for mail in dead}, {"network"})

    def test_mails_of_a_mailbox_share_a_session_and_survive_its_end(self):
        """Some servers take a few mails a connection and then say 421, or nothing."""
        mails = [self.draft(subject=f"Devis {number}") for number in range(4)]
        for mail in mails:
            mail.action_send()
        sessions = []
        original = self.sink.choose
        self.sink.choose = lambda rng: sessions.append(1) or "none"
        self.addCleanup(setattr, self.sink, "choose", original)
        self.sink.mails_a_session = 2
        self.addCleanup(setattr, self.sink, "mails_a_session", 0)
        self.run_cron(self.cron_send, seconds=11)
        self.assertEqual({mail.state for mail in mails}, {"sent"})
        self.assertEqual(self.received(CUSTOMER), [mail.message_id_header for mail in mails])
        self.assertEqual((len(sessions), {mail.attempts for mail in mails}), (2, {1}))
        self.assertFalse(self.integration.sending_hold_until)

    def test_a_slow_imap_server_delays_nobody(self):
        """Sent copies of mailboxes whose IMAP servers accept the connection and say nothing, first in the queue."""
        dead = [
            self.sent_copy(self.add_mailbox(f"dead{number}@alpha.example", self.sink.port, imap_port=port))
            for number, port in enumerate(hole.getsockname()[1] for hole in self.holes)
        ]
        living = [self.sent_copy(self.integration, number) for number in range(5)]
        begun = time.monotonic()
        self.run_now(self.cron_file)
        self.assertEqual({copy.state for copy in living}, {"filed"})
        self.assertEqual({copy.state for copy in dead}, {"pending"})
        self.assertTrue(all(copy.error and copy.next_check_at > fields.Datetime.now() for copy in dead))
        self.assertLess(time.monotonic() - begun, HOLES * TIMEOUT, "the dead ones are asked at the same time")
        self.assertEqual(len(self.in_folder("Sent")), 5)

    def sent_copy(self, integration, number=0):
        integration.sent_filing = "append"
        name = f"<{number}.{integration.id}@alpha.example>"
        self.queue_copies(integration, name)
        return self.env["inbox.sent.copy"].search([("message_id_header", "=", name)])
