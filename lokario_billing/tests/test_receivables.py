from datetime import timedelta

from freezegun import freeze_time
from odoo import fields
from odoo.tests import tagged

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestReceivables(BillingCase):
    def row(self, move):
        self.env.flush_all()
        self.env.invalidate_all()
        return self.env["lokario.receivable.report"].search([("move_id", "=", move.id)])

    def test_a_late_invoice_is_overdue_by_age_and_expected(self):
        row = self.row(self.invoice(40, 250))
        self.assertEqual((row.age, row.open_amount, row.recovered_amount), ("2", 250, 0))
        self.assertEqual(row.expected_on, fields.Date.today())
        self.assertEqual(row.days_outstanding, 70)

    def test_the_day_is_that_of_the_company(self):
        move = self.invoice(invoice_date="2026-05-09", invoice_date_due="2026-06-09")
        with freeze_time("2026-06-10 01:30:00"):
            for zone, age, expected in (("America/Guadeloupe", "0", "2026-06-09"), ("Europe/Paris", "1", "2026-06-10")):
                self.company.partner_id.tz = zone
                row = self.row(move)
                self.assertEqual((row.age, str(row.expected_on)), (age, expected), zone)

    def test_every_instalment_ages_from_its_own_day(self):
        halves = [{"value": "percent", "value_amount": 50, "nb_days": days} for days in (10, 90)]
        term = self.env["account.payment.term"].create(
            {"name": "Halves", "line_ids": [fields.Command.create(half) for half in halves]}
        )
        today = fields.Date.today()
        move = self.invoice(0, 200, invoice_date=today - timedelta(days=50), invoice_payment_term_id=term.id)
        rows = self.row(move).sorted("due_date")
        self.assertEqual(rows.mapped("age"), ["2", "0"])
        self.assertEqual(rows.mapped("open_amount"), [100, 100])
        self.pay(move, 100)
        self.assertEqual(self.row(move).sorted("due_date").mapped("age"), [False, "0"])

    def test_what_is_paid_after_a_reminder_is_recovered_by_its_level(self):
        move = self.invoice(10, 80)
        self.run_cron()
        self.pay(move)
        row = self.row(move)
        self.assertEqual((row.level_id, row.recovered_amount), (move.followup_ids.step_ids.level_id, 80))
        self.assertFalse(row.age)

    def test_a_payment_before_the_reminder_and_a_credit_note_are_not_recovered(self):
        move = self.invoice(10, 80, invoice_date=fields.Date.today() - timedelta(days=40))
        with freeze_time(fields.Datetime.now() - timedelta(days=5)):
            self.pay(move, 30)
        self.run_cron()
        self.assertEqual(self.row(move).recovered_amount, 0)
        self.pay(move, 20)
        credit = move._reverse_moves([{"invoice_date": fields.Date.today()}])
        credit.invoice_line_ids.price_unit = 10
        credit.action_post()
        lines = (move | credit).line_ids.filtered(lambda line: line.account_type == "asset_receivable")
        lines.filtered(lambda line: not line.reconciled).reconcile()
        self.assertEqual((self.row(move).recovered_amount, self.row(move).open_amount), (20, 20))

    def test_what_late_payment_costs(self):
        """36,500 for a day at p per cent is 100 times p; what is paid in time costs nothing."""
        self.env["lokario.penalty.rate"].search([]).unlink()
        year = fields.Date.today().year
        known = [(f"{year}-01-01", 2), (f"{year}-07-01", 3)]
        rates = [{"starts_on": day, "refinancing_rate": rate, "source": "test"} for day, rate in known]
        self.env["lokario.penalty.rate"].create(rates)
        with freeze_time(f"{year}-06-20 10:00:00"):
            move = self.invoice(0, 36_500)
            punctual = self.invoice(-60, 36_500)
        with freeze_time(f"{year}-07-10 10:00:00"):
            self.pay(move)
            self.pay(punctual)
        self.assertAlmostEqual(self.row(move).late_cost, 10 * 12 + 10 * 13, 2)
        self.assertEqual(self.row(punctual).late_cost, 0)
        self.company.followup_penalty_rate = 15
        self.assertAlmostEqual(self.row(move).late_cost, 20 * 15, 2)

    def test_a_promise_moves_the_forecast(self):
        move = self.invoice(3, 90)
        move.action_view_followup()
        day = fields.Date.today() + timedelta(days=12)
        move.followup_ids.promise_ids = [fields.Command.create({"promised_for": day})]
        self.assertEqual(self.row(move).expected_on, day)

    def test_pause_ends_by_itself(self):
        self.company.followup_paused_until = fields.Date.today() + timedelta(days=3)
        move = self.invoice(10)
        self.run_cron()
        self.assertEqual(move.followup_ids.why, "company_paused")
        with freeze_time(fields.Datetime.now() + timedelta(days=5)):
            self.run_cron()
        self.assertEqual(move.followup_ids.step_ids.mapped("state"), ["sent"])
