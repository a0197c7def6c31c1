"""The hourly check over invoices of several people and companies."""

from datetime import timedelta

from freezegun import freeze_time
from odoo import fields
from odoo.fields import Command
from odoo.tests import HttpCase, tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon
from odoo.addons.lokario_reminder.tests.common import CHECKED, ReminderMixin


class InvoiceCase(ReminderMixin, AccountTestInvoicingCommon):
    """`invoices[user]` are two late invoices of each salesperson; nobody is an administrator."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.belgian = cls.setup_other_company(name="Belge SA", currency_id=cls.env.ref("base.EUR").id)["company"]
        cls.env.ref("base.EUR").active = True
        cls.customer = cls.env["res.partner"].create({"name": "Bêta SARL", "is_company": True})
        cls.sellers = cls.colleagues("account.group_account_invoice")
        cls.clerk = cls.colleague("clerk", "")
        cls.belgian_seller = cls.colleague("jef", "account.group_account_invoice", cls.belgian)
        cls.invoices = {user: cls.invoice(user) | cls.invoice(user, days_late=11) for user in cls.sellers}

    @classmethod
    def invoice(cls, seller=None, company=None, days_late=10, **values):
        due = fields.Date.today() - timedelta(days=days_late)
        line = {"name": "Work", "quantity": 1, "price_unit": 100.0, "tax_ids": [Command.clear()]}
        move = (
            cls.env["account.move"]
            .with_company(company or cls.french)
            .create(
                {
                    "move_type": "out_invoice",
                    "partner_id": cls.customer.id,
                    "invoice_user_id": seller and seller.id,
                    "invoice_date": due - timedelta(days=30),
                    "invoice_date_due": due,
                    "invoice_payment_term_id": False,
                    "invoice_line_ids": [Command.create(line)],
                    **values,
                }
            )
        )
        move.action_post()
        return move

    def pay(self, move):
        wizard = self.env["account.payment.register"].with_context(active_model="account.move", active_ids=move.ids)
        wizard.create({})._create_payments()


@tagged("post_install", "-at_install")
class TestLateInvoices(InvoiceCase):
    def test_an_overdue_invoice_reaches_its_user_once_and_closes_when_paid(self):
        seller = self.sellers[0]
        move = self.invoices[seller][0]
        self.run_check()
        self.run_check()
        notice = self.notices(move)
        self.assertEqual((len(notice), notice.user_id, notice.kind), (1, seller, "invoice"))
        self.assertEqual(move.activity_ids.user_id, seller)
        self.pay(move)
        self.run_check()
        self.assertEqual(notice.state, "closed")
        self.assertFalse(move.activity_ids)

    def test_invoices_of_several_people_in_one_run(self):
        self.run_check()
        for seller in self.sellers:
            self.assertEqual(len(self.digests(seller)), 1)
            self.assertEqual(self.digests(seller).subject, "2 things to look at")
            for move in self.invoices[seller]:
                self.assertEqual(self.notices(move).user_id, seller)
                self.assertIn(move.name, self.digests(seller).body)

    def test_invoices_of_each_company_reach_a_colleague_of_that_company(self):
        unassigned = self.invoice(company=self.belgian) | self.invoice(company=self.belgian)
        unassigned.invoice_user_id = False
        foreign = self.invoice(self.sellers[0], company=self.belgian)
        stranger = self.invoice(self.belgian_seller)
        self.run_check()
        for move in unassigned | foreign:
            self.assertEqual(self.notices(move).user_id.company_ids, self.belgian, move.invoice_user_id.login)
        self.assertIn(self.french, self.notices(stranger).user_id.company_ids)
        self.assertFalse(stranger.activity_ids.filtered(lambda each: each.user_id == self.belgian_seller))
        for digest in self.digests(self.belgian_seller):
            self.assertNotIn(stranger.name, digest.body)

    def test_who_has_left_or_may_not_read_it_is_replaced(self):
        leaver = self.sellers[2]
        leaver.active = False
        moves = self.invoices[leaver] | self.invoice(self.clerk)
        self.run_check()
        for move in moves:
            [notice] = self.notices(move)
            self.assertTrue(notice.user_id.active)
            self.assertNotEqual(notice.user_id, self.clerk)
            self.assertIn(self.french, notice.user_id.company_ids)

    def test_what_was_cured_and_is_late_again_is_told_again(self):
        seller = self.sellers[0]
        move = self.invoices[seller][0]
        self.run_check()
        self.pay(move)
        self.run_check()
        self.assertEqual(self.notices(move).mapped("state"), ["closed"])
        self.assertFalse(move.activity_ids)
        for payment in move.matched_payment_ids:
            payment.action_draft()
            payment.unlink()
        self.assertIn(move.payment_state, ("not_paid", "partial"))
        with freeze_time(fields.Datetime.now() + timedelta(hours=1)):
            self.run_check()
        self.assertEqual(sorted(self.notices(move).mapped("state")), ["closed", "open"])
        self.assertTrue(move.activity_ids)
        self.assertEqual(len(self.digests(seller)), 2)

    def test_the_second_instalment_is_late_by_itself(self):
        terms = self.env["account.payment.term"].create(
            {
                "name": "Half and half",
                "line_ids": [
                    Command.create({"value": "percent", "value_amount": 50, "nb_days": days}) for days in (10, 60)
                ],
            }
        )
        move = self.invoice(self.sellers[0], days_late=0, invoice_payment_term_id=terms.id)
        first = min(move.line_ids.mapped(lambda line: line.date_maturity or fields.Date.today()))
        self.assertLess(first, fields.Date.today())
        self.assertGreater(move.invoice_date_due, fields.Date.today())
        self.run_check()
        self.assertEqual(self.notices(move).occurrence, str(first))


@tagged("post_install", "-at_install")
class TestDocumentedUrl(InvoiceCase, HttpCase):
    def test_the_hourly_check(self):
        foreign = self.invoice(self.belgian_seller, company=self.belgian)
        for _twice in range(2):
            self.assertEqual(self.call(), (200, CHECKED))
        for seller in self.sellers:
            self.assertEqual(len(self.digests(seller)), 1)
        self.assertEqual(self.notices(foreign).user_id, self.belgian_seller)
