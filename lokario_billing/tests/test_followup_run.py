from datetime import timedelta

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestFollowupRun(BillingCase):
    def test_a_late_invoice_is_reminded_once(self):
        move = self.invoice()
        self.run_cron()
        self.assertEqual(len(self.mails()), 1)
        mail = self.mails()[0]
        self.assertIn(move.name, mail["Subject"])
        self.assertIn("compta@beta.test", mail["To"])
        step = move.followup_ids.step_ids
        self.assertEqual((step.state, step.sequence, step.amount), ("sent", 1, 100))
        self.run_cron()
        self.assertEqual(len(self.mails()), 1)

    def test_documents_of_a_customer_are_grouped(self):
        moves = self.invoice() | self.invoice(12, 50) | self.invoice(15, 25)
        self.run_cron()
        self.assertEqual(len(self.mails()), 1)
        self.assertEqual(moves.followup_ids.step_ids.reminder_id.amount, 175)

    def test_nothing_is_sent_before_the_first_run_is_approved(self):
        self.company.followup_approved_at = False
        move = self.invoice()
        self.run_cron()
        self.assertFalse(self.mails())
        self.assertEqual(move.followup_ids.why, "not_approved")
        self.company.action_approve_followups()
        self.run_cron()
        self.assertEqual(len(self.mails()), 1)

    def test_switched_off_or_auto_off_sends_nothing_and_says_so(self):
        move = self.invoice()
        move.followup_auto = "off"
        self.run_cron()
        self.assertEqual((len(self.mails()), move.followup_ids.why), (0, "auto_off"))
        self.assertFalse(move.followup_ids.auto_enabled)

    def test_partial_payment_reminds_what_is_really_due(self):
        move = self.invoice(amount=100)
        self.pay(move, 40)
        self.run_cron()
        self.assertEqual(move.followup_ids.step_ids.amount, 60)

    def test_paid_disputed_promised_answered_are_silent(self):
        paid, disputed, promised, answered = (self.invoice() for _each in range(4))
        for move in disputed | promised | answered:
            move.action_view_followup()
        self.pay(paid)
        disputed.followup_ids.dispute_ids = [fields.Command.create({"reason": "Wrong price"})]
        promised.followup_ids.promise_ids = [
            fields.Command.create({"promised_for": fields.Date.today() + timedelta(days=5)})
        ]
        answered.followup_ids._reply_received()
        self.run_cron()
        self.assertFalse(self.mails())
        self.assertEqual(
            (disputed | promised | answered).followup_ids.mapped("why"), ["disputed", "promised", "answer_pending"]
        )

    def test_unmatched_payment_holds(self):
        move = self.invoice()
        self.env["account.payment"].create(
            {
                "partner_id": self.customer.id,
                "amount": 30,
                "payment_type": "inbound",
                "partner_type": "customer",
            }
        ).action_post()
        self.run_cron()
        self.assertEqual((len(self.mails()), move.followup_ids.why), (0, "unreconciled_credit"))

    def test_payment_between_claim_and_sending_stops_the_mail(self):
        """The check is made again, under lock, when the mail leaves."""
        move = self.invoice()
        move.action_view_followup()
        followup = move.followup_ids
        groups = followup._plan_and_store()
        reminder = self.env["lokario.followup.reminder"]._prepare(groups)
        self.pay(move)
        with self.sending():
            reminder.mail_id.send()
        self.assertFalse(self.mails())
        self.assertEqual((reminder.state, reminder.mail_id.state), ("cancelled", "cancel"))

    def test_send_now_ignores_the_day_but_not_the_stops(self):
        move = self.invoice(days_late=2)
        move.action_view_followup()
        with self.sending():
            move.followup_ids.action_send_now()
        self.assertEqual(len(self.mails()), 1)
        self.pay(move)
        with self.assertRaisesRegex(UserError, "Paid|under way"):
            move.followup_ids.action_send_now()

    def test_formal_notice_to_a_company_claims_penalties_and_indemnity(self):
        self.env["lokario.penalty.rate"].search([("starts_on", ">", "2025-07-01")]).unlink()
        for start in ("2026-01-01", "2026-07-01", "2027-01-01", "2027-07-01"):
            self.env["lokario.penalty.rate"].create(
                {
                    "starts_on": start,
                    "refinancing_rate": 2.15,
                    "legal_rate": 2.62,
                    "source": "test",
                }
            )
        move = self.invoice(days_late=36, amount=1000)
        move.action_view_followup()
        level = self.env.ref("lokario_billing.policy_invoice").level_ids[-1]
        followup = move.followup_ids
        followup.policy_id = followup.policy_id.copy({"level_ids": [fields.Command.clear()]})
        followup.policy_id.level_ids = [
            fields.Command.create(
                {
                    "name": level.name,
                    "sequence": 1,
                    "days": 21,
                    "formal_notice": True,
                }
            )
        ]
        self.run_cron()
        reminder = followup.step_ids.reminder_id
        self.assertEqual(reminder.indemnity_amount, 40)
        self.assertAlmostEqual(reminder.penalty_amount, 1000 * 12.15 * 36 / 36500, 2)
        body = self.mails()[0].get_body(("html",)).get_content()
        self.assertIn("L441-10", body)

    def test_timeline_and_dry_run_agree_with_the_job(self):
        move = self.invoice(days_late=3)
        move.action_view_followup()
        self.assertEqual(move.followup_ids.why, "not_reached")
        self.assertIn("Friendly reminder", move.followup_ids.timeline)
        preview = self.env["lokario.followup.preview"].create({})
        preview.action_run()
        lines = preview.line_ids.filtered(lambda line: line.followup_id == move.followup_ids)
        self.assertEqual(len(lines.filtered("at")), 3)
        self.assertEqual(lines.filtered(lambda line: not line.at).why, "exhausted")
