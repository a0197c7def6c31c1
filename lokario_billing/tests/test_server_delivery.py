from smtplib import SMTPServerDisconnected
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import BillingCase
from .test_routing_isolation import QUIET


@tagged("post_install", "-at_install")
class TestServerDelivery(BillingCase):
    """Business mail of a company that has a server and no mailbox."""

    def setUp(self):
        super().setUp()
        self.smtp.rejects.clear()
        self.server.company_id = self.company
        self.contact = self.customer.copy({"name": "Architect", "email": "architect@gamma.test"})

    def mail(self, *partners):
        """Return (mail, delivery) of an invoice that was sent to each of them."""
        move = self.invoice()
        values = {"model": move._name, "res_id": move.id, "subject": "Invoice", "body_html": "<p>Hi</p>"}
        mail = self.env["mail.mail"].sudo().create({**values, "recipient_ids": [p.id for p in partners]})
        delivery = mail._deliveries()
        self.send(mail)
        return mail, delivery

    @mute_logger(*QUIET)
    def send(self, mail=None):
        with self.sending():
            mail.send() if mail else self.env["mail.mail"].sudo().process_email_queue()
        self.env.invalidate_all()

    def come_later(self, mail, delivery):
        self.assertGreater(mail.scheduled_date, fields.Datetime.now())
        self.assertEqual(mail.scheduled_date, delivery.next_try_at)
        mail.scheduled_date = fields.Datetime.now()
        self.send()

    def recipients(self):
        return [recipient for _sender, to, *_rest in self.smtp.received for recipient in to]

    def test_what_is_refused_for_now_is_tried_again(self):
        self.smtp.rejects["compta@beta.test"] = "450 4.2.0 Greylisted"
        mail, delivery = self.mail(self.customer)
        self.assertEqual((delivery.state, delivery.route, mail.state), ("waiting", "company", "outgoing"))
        self.assertEqual(delivery.cause, "The mail server is busy.")
        self.assertFalse(mail.failure_type)
        self.smtp.rejects.clear()
        self.come_later(mail, delivery)
        self.assertEqual((delivery.state, delivery.server_attempts), ("sent", 2))
        self.assertEqual(self.recipients(), ["compta@beta.test"])

    def test_another_try_is_for_those_only_whom_the_server_has_not_served(self):
        self.smtp.rejects["compta@beta.test"] = "451 4.3.0 Busy"
        mail, delivery = self.mail(self.contact, self.customer)
        self.assertEqual(self.recipients(), ["architect@gamma.test"])
        self.smtp.rejects.clear()
        self.come_later(mail, delivery)
        self.assertEqual(self.recipients(), ["architect@gamma.test", "compta@beta.test"])
        self.assertEqual(delivery.state, "sent")

    def test_a_server_that_cannot_be_reached_is_tried_again(self):
        self.server.smtp_port = 1
        _mail, delivery = self.mail(self.customer)
        self.assertEqual((delivery.state, delivery.cause), ("waiting", "The mail server cannot be reached."))
        self.server.smtp_port = self.smtp.port
        delivery.with_user(self.env.user).action_try_again()  # at once
        self.send()
        self.assertEqual((delivery.state, self.recipients()), ("sent", ["compta@beta.test"]))

    def test_what_is_refused_for_good_is_not_tried_again(self):
        self.smtp.rejects["compta@beta.test"] = "550 5.1.1 No such user"
        mail, delivery = self.mail(self.customer)
        self.assertEqual((delivery.state, mail.state), ("failed", "exception"))
        self.assertIn("No such user", delivery.cause)

    def test_after_two_days_a_person_decides(self):
        self.smtp.rejects["compta@beta.test"] = "451 4.3.0 Busy"
        mail, delivery = self.mail(self.customer)
        delivery.server_attempts = 19
        self.come_later(mail, delivery)
        self.assertEqual((delivery.state, mail.state), ("failed", "exception"))

    def test_a_broken_connection_leaves_one_mail_uncertain_and_the_others_waiting(self):
        move = self.invoice()
        values = {"model": move._name, "res_id": move.id, "subject": "Invoice", "body_html": "<p>Hi</p>"}
        mails = self.env["mail.mail"].sudo().create([{**values, "recipient_ids": self.customer.ids}] * 2)
        deliveries = mails._deliveries()
        broken = patch.object(
            type(self.env["ir.mail_server"]), "send_email", side_effect=SMTPServerDisconnected("gone")
        )
        with broken:
            self.send(mails)
        self.assertEqual(sorted(deliveries.mapped("state")), ["queued", "uncertain"])
        self.send()
        self.assertEqual(sorted(deliveries.mapped("state")), ["sent", "uncertain"])
        self.assertEqual(self.recipients(), ["compta@beta.test"])
