"""A follow-up has nothing of its own that its document has: it follows what the document is now."""

from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from .test_followup_debtors import DebtorCase


@tagged("post_install", "-at_install")
class TestDerived(DebtorCase):
    def prepared(self, move):
        """Return the reminder of an invoice, built and not sent."""
        self.plan(self.french)
        reminder = move.followup_ids.sudo()._claim_due()
        self.assertEqual(reminder._still_due(), reminder)
        return reminder

    def test_a_quote_of_another_company_is_followed_up_there(self):
        order = self.quote(self.buyer)
        self.plan(self.french)
        followup = order.followup_ids
        order.pricelist_id = False
        order.company_id = self.branch
        self.assertEqual(followup.company_id, self.branch)
        here = followup.env["lokario.followup.run"]._to_decide(self.french)
        self.assertNotIn(followup, followup.search(here))

    def test_who_sells_now_is_responsible(self):
        move, order = self.invoice(invoice_user_id=self.seller.id), self.quote(self.buyer)
        self.plan(self.french)
        successor = self.people["manager"][0]
        move.invoice_user_id = order.user_id = successor
        self.assertEqual(move.followup_ids.user_id, successor)
        self.assertEqual(order.followup_ids.user_id, successor)

    def test_a_quote_that_is_sent_again_starts_again(self):
        order = self.quote(self.buyer, 20)
        self.assertEqual(self.written_to(), {"buyer@beta.test": {order.name}})
        order.action_cancel()
        order.action_draft()
        self.run_cron()
        order.action_quotation_sent()
        self.assertEqual(order.followup_ids.sent_date, fields.Date.today())
        with freeze_time(fields.Datetime.now() + timedelta(days=8)):
            self.assertEqual(self.written_to(), {"buyer@beta.test": {order.name}})
        self.assertEqual(order.followup_ids.step_ids.mapped("sequence"), [1, 1])

    def test_every_change_is_seen_before_a_built_mail_leaves(self):
        changes = {
            "language": lambda move: move.partner_id.write({"lang": "fr_FR"}),
            "address": lambda move: move.partner_id.write({"email": "new@beta.test"}),
            "forbidden": lambda move: move.partner_id.write({"followup_do_not_contact": True}),
            "blacklist": lambda move: self.env["mail.blacklist"].sudo()._add(move.partner_id.email),
            "never sent": lambda move: move.write({"is_move_sent": False}),
            "policy": lambda move: self.env.ref("lokario_billing.level_invoice_friendly").sudo().write({"days": 60}),
            "minimum": lambda move: self.french.write({"followup_minimum_amount": 9000}),
            "contact": lambda move: move.partner_id.with_company(self.french).write(
                {"followup_contact_id": self.boss.id}
            ),
            "extended": lambda move: move.line_ids.filtered("date_maturity").write({"date_maturity": "2090-01-01"}),
        }
        for number, (what, change) in enumerate(changes.items()):
            customer = self.customer.copy({"email": f"c{number}@beta.test", "lang": "en_US"})
            reminder = self.prepared(move := self.invoice(partner=customer))
            with self.subTest(what), self.env.cr.savepoint() as savepoint:
                change(move)
                self.env.invalidate_all()
                self.assertFalse(reminder._still_due())
                savepoint.rollback()

    def test_an_exception_costs_the_document_alone(self):
        """Whatever it is: its person gets the cause, the others leave."""
        bad, good = self.invoice(invoice_user_id=self.seller.id), self.invoice(partner=self.person("Third"))
        values, move_class = type(bad)._followup_values, type(bad)

        def poisoned(move):
            if move == bad:
                raise ZeroDivisionError("no amount")
            return values(move)

        with patch.object(move_class, "_followup_values", poisoned), self.assertLogs(level="ERROR"):
            self.assertEqual(self.written_to(), {"third@beta.test": {good.name}})
        self.assertEqual(bad.activity_ids.mapped("user_id"), self.seller)
        self.assertIn("no amount", bad.activity_ids.note)

    # === WHO === #

    def test_the_contact_for_follow_ups_is_asked_about_every_invoice(self):
        self.person("Bookkeeper", type="followup")
        self.person("Invoices", type="invoice")
        move = self.invoice()
        self.assertEqual(self.written_to(), {"bookkeeper@beta.test": {move.name}})

    def test_who_must_not_be_contacted_is_not_and_the_next_one_is(self):
        late = self.person("Late")
        late.followup_do_not_contact = True
        move = self.invoice(partner=late)
        self.assertEqual(self.written_to(), {"compta@beta.test": {move.name}})

    def test_a_customer_who_must_not_be_contacted_gets_no_letter_either(self):
        dead = self.env["res.partner"].create({"name": "Late Mr X", "followup_do_not_contact": True})
        policy = self.env.ref("lokario_billing.policy_invoice").copy(
            {"company_id": self.french.id, "level_ids": [Command.clear()]}
        )
        policy.level_ids = [Command.create({"name": "Letter", "sequence": 1, "days": 7, "channel": "letter"})]
        move = self.invoice(partner=dead)
        self.assertEqual(self.reason(move), "do_not_contact")
        self.assertEqual(len(self.tasks(move)), 1)

    def test_a_reminder_that_the_recipients_server_refused_is_no_level(self):
        """The copy arrived, the mail to the debtor did not."""
        reader = self.person("Reader")
        self.customer.with_company(self.french).followup_cc_ids = reader
        move = self.invoice(30)
        self.run_cron()
        reminder = move.followup_ids.step_ids.reminder_id
        delivery = reminder.sudo().mail_id._deliveries()[:1]
        delivery._set_state(
            "sent", recipients="compta@beta.test, reader@beta.test", refused_recipients="compta@beta.test", cause="550"
        )
        self.assertEqual(reminder.state, "failed")
        self.smtp.received.clear()
        with freeze_time(fields.Datetime.now() + timedelta(days=8)):
            self.assertEqual(self.reason(move), "undelivered")

    def test_an_invoice_that_reached_the_broker_alone_has_not_arrived(self):
        broker = self.env["res.partner"].create({"name": "Broker", "email": "broker@other.test"})
        move = self.invoice()
        values = {"model": move._name, "res_id": move.id, "subject": "Invoice", "body_html": "<p>Hi</p>"}
        mail = self.env["mail.mail"].sudo().create({**values, "email_to": "compta@beta.test"})
        with self.sending():
            mail.send()
        self.smtp.received.clear()
        his = mail._deliveries()
        his.write({"partner_id": self.customer.id})
        his.copy({"partner_id": broker.id, "message_id": his.message_id})
        self.assertEqual(len(self.written_to()), 1)
        his._set_bounced("No such user")
        with freeze_time(fields.Datetime.now() + timedelta(days=8)):
            self.assertEqual(self.reason(move), "not_arrived")

    def test_a_note_about_an_invoice_is_not_the_invoice(self):
        move = self.invoice()
        move.is_move_sent = False
        with self.sending():
            move.message_post(body="It comes soon", partner_ids=self.customer.ids, message_type="comment")
        self.smtp.received.clear()
        self.assertEqual(self.reason(move), "not_arrived")

    # === PAYMENTS WITHOUT AN ENTRY: Enterprise makes none before the bank statement shows them === #

    def without_entries(self):
        """From now on payments have no entry."""
        move_class = type(self.env["account.move"])
        self.startPatcher(patch.object(move_class, "_get_invoice_in_payment_state", lambda _: "in_payment"))
        self.bank = self.env["account.journal"].search(
            [("type", "=", "bank"), ("company_id", "=", self.french.id)], limit=1
        )
        self.bank.inbound_payment_method_line_ids.payment_account_id = False

    def paid(self, amount, move=None):
        """Make a payment without an entry, of an invoice or of the customer."""
        self.without_entries()
        if move:
            self.pay(move, amount)
            payment = move.matched_payment_ids
        else:
            values = {"partner_id": self.customer.id, "amount": amount, "journal_id": self.bank.id}
            payment = self.env["account.payment"].create(
                {"payment_type": "inbound", "partner_type": "customer", **values}
            )
            payment.action_post()
        self.assertEqual((payment.state, payment.move_id.id), ("in_process", False))

    def test_what_is_paid_in_part_is_asked_for_in_part(self):
        move = self.invoice()
        self.paid(40, move)
        self.assertEqual(move.payment_state, "in_payment")
        self.assertEqual(self.written_to(), {"compta@beta.test": {move.name}})
        self.assertEqual(move.followup_ids.step_ids.credit_amount, 40)

    def test_what_is_paid_in_full_waits_for_the_bank_and_not_for_ever(self):
        move = self.invoice()
        self.paid(100, move)
        self.assertFalse(self.written_to())
        with freeze_time(fields.Datetime.now() + timedelta(days=40)):
            self.assertEqual(self.written_to(), {"compta@beta.test": {move.name}})

    def test_a_payment_that_names_no_invoice_holds_what_it_covers(self):
        self.customer = self.customer.copy({"email": "alone@beta.test"})  # the others owe older debts
        move = self.invoice()
        self.paid(100)
        self.assertEqual(self.reason(move), "unreconciled_credit")

    def test_a_payment_pays_the_invoice_it_names_and_not_the_oldest(self):
        old, named = self.invoice(30), self.invoice(10)
        self.paid(100, named)
        self.assertEqual(self.written_to(), {"compta@beta.test": {old.name}})
        self.assertEqual(named.followup_ids.why, "unreconciled_credit")
