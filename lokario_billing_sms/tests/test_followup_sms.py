"""A level by SMS: asked again before it leaves, and a level only when the operator took it."""

from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import tagged

from lokario_testing.environments.clock import zone_at_noon
from odoo.addons.lokario_billing.tests.common import BillingCase
from odoo.addons.sms.tools.sms_api import SmsApi


@tagged("post_install", "-at_install")
class TestFollowupSms(BillingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        france = cls.env.ref("base.fr").id
        values = {"phone": "+33 6 12 34 56 78", "email": False, "country_id": france, "tz": zone_at_noon()}
        cls.customer.write(values)
        policy = cls.env.ref("lokario_billing.policy_invoice").copy(
            {"company_id": cls.company.id, "level_ids": [Command.clear()]}
        )
        policy.level_ids = [
            Command.create({"name": "SMS", "sequence": 1, "days": 7, "channel": "sms"}),
            Command.create({"name": "Letter", "sequence": 2, "days": 14, "channel": "letter"}),
        ]

    def setUp(self):
        super().setUp()
        self.texts = []

    def operator(self, state):
        """Return a stand-in for Odoo's SMS service that says this of every number."""

        def send(_api, messages, **_options):
            for message in messages:
                for number in message["numbers"]:
                    self.texts.append((number["number"], message["content"]))
                    yield {"uuid": number["uuid"], "state": state}

        return patch.object(SmsApi, "_send_sms_batch", lambda *args, **options: list(send(*args, **options)))

    def queue(self):
        self.env["sms.sms"].search([("state", "=", "outgoing")]).with_context(sms_skip_msg_notification=True).send()

    def test_it_leaves_by_odoos_queue_and_is_a_level_then(self):
        move = self.invoice()
        self.run_cron()
        reminder = self.followup(move).step_ids.reminder_id
        self.assertEqual((reminder.state, self.followup(move).why), ("prepared", "in_flight"))
        with self.operator("success"):
            self.queue()
        self.assertEqual(reminder.state, "sent")
        [(number, text)] = self.texts
        self.assertEqual(number.replace(" ", ""), "+33612345678")
        self.assertIn(move.name, text)
        self.assertIn("/followups/statement/", text)

    def test_what_was_paid_meanwhile_is_not_asked(self):
        move = self.invoice()
        self.run_cron()
        self.pay(move)
        with self.operator("success"):
            self.queue()
        self.assertEqual((self.texts, self.followup(move).step_ids.state), ([], "cancelled"))

    def test_what_the_operator_refuses_is_no_level(self):
        move = self.invoice()
        self.run_cron()
        with self.operator("wrong_number_format"):
            self.queue()
        self.assertEqual(self.followup(move).step_ids.state, "failed")
        self.run_cron()
        self.assertEqual(self.followup(move).why, "undelivered")
        self.customer.phone = "+33 6 87 65 43 21"
        self.run_cron()
        self.assertEqual(self.followup(move).step_ids.sorted("id").mapped("state"), ["failed", "prepared"])

    def test_who_wants_no_sms_is_asked_by_the_next_channel(self):
        first = self.invoice(8)
        self.run_cron()
        self.env["phone.blacklist"].sudo().add(self.customer.phone_sanitized)
        with self.operator("success"):
            self.queue()
        self.assertEqual((self.texts, self.followup(first).step_ids.state), ([], "cancelled"))
        late = self.invoice(20)
        self.run_cron()
        self.assertEqual(self.followup(late).step_ids.level_id.name, "Letter")

    def test_without_a_phone_the_next_channel_is_asked(self):
        self.customer.phone = False
        move = self.invoice(20)
        self.run_cron()
        self.assertEqual(self.followup(move).step_ids.level_id.name, "Letter")
