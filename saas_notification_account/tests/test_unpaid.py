from datetime import timedelta

from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon
from odoo.addons.saas_manager.tests.common import make_offer


@tagged("post_install", "-at_install")
class TestUnpaid(AccountTestInvoicingCommon):
    """An invoice that is overdue is a reason to remind its client, until it is paid."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        program = cls.env(su=True)  # an accountant's rights are not enough for instances
        _server, _template, plan, cls.client = make_offer(program)
        values = {"name": "Martin", "subdomain": "martin", "partner_id": cls.client.id, "plan_id": plan.id}
        cls.instance = program["saas.instance"].create(values)
        cls.rule = program["saas.reminder"].create({"kind": "unpaid", "days": 1})
        cls.today = cls.rule._today()

    def invoice(self, days_late, partner=None):
        due = self.today - timedelta(days=days_late)
        move = self.init_invoice("out_invoice", partner or self.client, due, amounts=[120], post=False)
        move.write({"invoice_payment_term_id": False, "invoice_date_due": due})
        move.action_post()
        return move

    def since(self):
        return self.rule._unpaid_since(self.instance)

    def test_the_first_instalment_counts_from_its_own_day(self):
        halves = [
            Command.create({"value": "percent", "value_amount": 50, "delay_type": "days_after", "nb_days": days})
            for days in (5, 60)
        ]
        term = self.env["account.payment.term"].create({"name": "Halves", "line_ids": halves})
        move = self.init_invoice("out_invoice", self.client, self.today - timedelta(days=20), amounts=[120], post=False)
        move.invoice_payment_term_id = term
        move.action_post()
        self.assertEqual(self.since(), self.today - timedelta(days=15))

    def test_the_oldest_that_is_overdue(self):
        self.assertIsNone(self.since())
        self.invoice(30, self.partner_b)
        self.invoice(-5)
        self.assertIsNone(self.since(), "another client's, and one that is not due yet")
        self.invoice(2)
        oldest = self.invoice(9)
        self.assertEqual(self.since(), self.today - timedelta(days=9))
        payment = self.env["account.payment.register"].with_context(active_model="account.move", active_ids=oldest.ids)
        payment.create({})._create_payments()
        self.assertEqual(self.since(), self.today - timedelta(days=2))
