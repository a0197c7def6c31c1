"""What the customer has paid or is owed is deducted, and stops only what it covers: through real documents."""

from datetime import timedelta

from freezegun import freeze_time
from odoo import fields
from odoo.fields import Command
from odoo.tests import HttpCase, tagged

from .test_followup_debtors import DebtorCase


class CreditCase(DebtorCase):
    """A customer who owes what the test makes, and nothing else."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        values = {"name": "Gamma SARL", "email": "compta@gamma.test", "is_company": True, "lang": "en_US"}
        cls.customer = cls.env["res.partner"].create(values)

    def payment(self, amount, customer=None, company=None):
        payment = self.env["account.payment"].with_company(company or self.french)
        values = {"payment_type": "inbound", "partner_type": "customer", "amount": amount}
        payment.create({**values, "partner_id": (customer or self.customer).id}).action_post()

    def credit_note(self, amount):
        line = {"name": "Returned", "quantity": 1, "price_unit": amount, "tax_ids": [Command.clear()]}
        values = {"move_type": "out_refund", "partner_id": self.customer.id, "invoice_date": fields.Date.today()}
        self.env["account.move"].create({**values, "invoice_line_ids": [Command.create(line)]}).action_post()

    def body(self):
        [mail] = self.mails()
        return mail.get_body(("html",)).get_content().replace(",", ".")  # figures in any language


@tagged("post_install", "-at_install")
class TestCredit(CreditCase, HttpCase):
    def test_a_smaller_credit_is_deducted_and_listed(self):
        move = self.invoice(amount=100)
        self.credit_note(20)
        self.payment(10)
        self.run_cron()
        step = move.followup_ids.step_ids
        self.assertEqual((step.claim_amount, step.credit_amount, step.reminder_id.amount), (100, 30, 70))
        for amount in ("100.00", "30.00", "70.00"):
            self.assertIn(amount, self.body())
        self.assertIn("not assigned yet", self.body())
        self.assertEqual(step.reminder_id._totals(), [(70, step.claim_currency_id)])

    def test_a_promise_is_kept_by_money_that_nobody_has_matched(self):
        move = self.invoice(amount=100)
        move.action_view_followup()
        tomorrow = fields.Date.today() + timedelta(days=1)
        promise = self.env["lokario.followup.promise"].create(
            {"followup_id": move.followup_ids.id, "promised_for": tomorrow, "amount": 60}
        )
        for amount, outcome in ((30, "partly"), (30, "kept")):
            self.payment(amount)
            with freeze_time(fields.Datetime.now() + timedelta(days=2)):
                promise.invalidate_recordset()
                self.assertEqual(promise.outcome, outcome)

    def test_without_a_credit_nothing_is_said_of_one(self):
        move = self.invoice(amount=100)
        self.run_cron()
        self.assertFalse(move.followup_ids.step_ids.credit_amount)
        self.assertNotIn("not assigned yet", self.body())

    def test_the_oldest_debt_is_covered_first(self):
        old, new = self.invoice(20, 100), self.invoice(10, 100)
        self.payment(150)
        self.run_cron()
        self.assertEqual((old.followup_ids.why, len(old.followup_ids.step_ids)), ("unreconciled_credit", 0))
        self.assertEqual(new.followup_ids.step_ids.credit_amount, 50)
        self.assertIn("50.00", self.body())
        self.assertNotIn(old.name, self.body())

    def test_a_credit_that_covers_everything_stops_everything(self):
        moves = self.invoice(20, 100) | self.invoice(10, 100)
        self.payment(200)
        self.run_cron()
        self.assertFalse(self.mails())
        self.assertEqual(set(moves.followup_ids.mapped("why")), {"unreconciled_credit"})
        self.assertEqual(moves.followup_ids.with_user(self.people["collector"][0]).mapped("amount"), [100, 100])

    def test_somebody_elses_credit_changes_nothing(self):
        move = self.invoice(amount=100)
        self.payment(500, customer=self.env["res.partner"].create({"name": "Delta"}))
        self.payment(500, company=self.belgian)
        self.run_cron()
        self.assertFalse(move.followup_ids.step_ids.credit_amount)
        self.assertEqual(len(self.mails()), 1)

    def test_switched_off_nothing_is_deducted(self):
        self.french.followup_hold_credit = False
        move = self.invoice(amount=100)
        self.payment(60)
        self.run_cron()
        self.assertFalse(move.followup_ids.step_ids.credit_amount)

    def test_a_credit_that_comes_before_the_mail_leaves_changes_its_sum(self):
        move = self.invoice(amount=100)
        move.action_view_followup()
        reminder = self.env["lokario.followup.reminder"]._prepare(move.followup_ids._plan_and_store())
        self.payment(40)
        with self.sending(), self.committing():
            reminder.mail_id.send(auto_commit=True)
        self.env.invalidate_all()
        self.assertFalse(self.mails())
        self.assertEqual(reminder.state, "cancelled")
        self.run_cron()
        self.assertIn("60.00", self.body())

    def test_the_page_shows_the_credit_and_the_rest(self):
        move = self.invoice(amount=100)
        self.payment(30)
        self.run_cron()
        token = move.followup_ids.step_ids.reminder_id.access_token
        page = self.url_open(f"/followups/statement/{token}").text.replace(",", ".")
        for amount in ("100.00", "30.00", "70.00"):
            self.assertIn(amount, page)
