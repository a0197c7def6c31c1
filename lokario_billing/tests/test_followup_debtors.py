"""Who is written to, what he may see, and what makes no sense to ask: through real documents."""

import re
from datetime import timedelta

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.lokario_base.tools.send_window import local_time

from .people import NAMES, PeopleCase


class DebtorCase(PeopleCase):
    """Only the documents of the test are there to be reminded."""

    names = NAMES[:1]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = cls.people["seller"][0]

    @classmethod
    def person(cls, name, **values):
        values = {"email": f"{name.lower()}@beta.test", "lang": "en_US", "parent_id": cls.customer.id, **values}
        return cls.env["res.partner"].create({"name": name, **values})

    def quote(self, partner, sent_days_ago=8, **values):
        """Return a quote that its customer has had for some days."""
        with freeze_time(fields.Datetime.now() - timedelta(days=sent_days_ago)):
            order = self.env["sale.order"].create(
                {
                    "partner_id": partner.id,
                    "company_id": self.french.id,
                    "user_id": self.seller.id,
                    "order_line": [Command.create({"product_id": self.product_a.id})],
                    **values,
                }
            )
        order.with_context(tracking_disable=True).action_quotation_sent()
        return order

    def written_to(self):
        """Return {address: names of the documents it was written about}."""
        self.run_cron()
        found = {}
        for mail in self.mails():
            names = re.findall(r"[A-Z]+/[0-9]+/[0-9]+|S[0-9]{5}", mail.get_body(("html",)).get_content())
            found.setdefault(re.search(r"[\w.]+@[\w.]+", mail["To"]).group(), set()).update(names)
        self.smtp.received.clear()
        return found

    def reason(self, document):
        self.run_cron()
        self.assertFalse(self.mails())
        return document.followup_ids.why

    def tasks(self, document):
        return document.followup_ids.activity_ids.mapped("summary")


@tagged("post_install", "-at_install")
class TestDebtors(DebtorCase):
    def test_everybody_is_asked_about_his_own_quotes_only(self):
        first, second, third = self.quote(self.buyer), self.quote(self.boss), self.quote(self.boss)
        self.assertEqual(
            self.written_to(),
            {"buyer@beta.test": {first.name}, "boss@beta.test": {second.name, third.name}},
        )

    def test_the_page_shows_what_its_reader_may_see(self):
        orders = self.quote(self.buyer), self.quote(self.boss)
        move = self.invoice(days_late=1)
        self.run_cron()
        statement = self.env["lokario.followup.statement"]
        pages = [statement._followups(order.followup_ids.step_ids.reminder_id) for order in orders]
        self.assertEqual(pages, [order.followup_ids for order in orders])
        self.quote(self.customer)
        late = self.invoice(days_late=20)
        with freeze_time(fields.Datetime.now() + timedelta(days=1)):
            self.run_cron()
        page = self.env["lokario.followup.statement"]._followups(late.followup_ids.step_ids.reminder_id)
        self.assertEqual(page.move_id & (move | late), move | late)
        self.assertFalse(page.order_id & (orders[0] | orders[1]))

    def test_an_old_link_shows_nothing_of_the_next_customer(self):
        move = self.invoice()
        self.run_cron()
        reminder = move.followup_ids.step_ids.reminder_id
        move.button_draft()
        move.partner_id = self.person("Other", parent_id=False)
        move.action_post()
        self.run_cron()
        self.assertNotIn(move, self.env["lokario.followup.statement"]._followups(reminder).move_id)

    def test_the_invoice_names_its_contact(self):
        lyon = self.person("Lyon", type="invoice")
        paris = self.person("Paris", type="invoice")
        self.assertEqual(self.written_to(), {})
        for partner in (paris, self.customer):
            self.invoice(partner=partner)
        self.assertEqual(self.written_to().keys(), {paris.email, lyon.email})

    def test_who_ordered_is_asked_where_the_invoice_names_nobody(self):
        firm = self.env["res.partner"].create({"name": "Silent", "is_company": True})
        zoe = self.person("Zoe", parent_id=firm.id, email="zoe@silent.test")
        order = self.quote(zoe, partner_invoice_id=firm.id)
        order.action_confirm()
        order.order_line.qty_delivered = 1
        move = order._create_invoices()
        move.write({"invoice_payment_term_id": False, "invoice_date": fields.Date.today() - timedelta(days=40)})
        move.invoice_date_due = fields.Date.today() - timedelta(days=10)
        move.action_post()
        move.is_move_sent = True
        self.assertEqual(move.partner_id, firm)
        self.assertEqual(self.written_to(), {"zoe@silent.test": {move.name}})

    def test_nobody_who_left_is_written_to(self):
        left = self.person("Left")
        self.customer.followup_contact_id = left
        order = self.quote(left, user_id=self.seller.id)
        move = self.invoice(partner=left)
        left.active = False
        self.assertEqual(self.written_to(), {"compta@beta.test": {move.name}})
        self.assertEqual(order.followup_ids.why, "no_recipient")

    def test_a_blocked_address_waits_and_its_person_is_told(self):
        self.env["mail.blacklist"].sudo()._add(self.customer.email)
        move = self.invoice(invoice_user_id=self.seller.id)
        self.assertEqual(self.reason(move), "no_recipient")
        self.assertEqual(len(move.followup_ids.activity_ids), 1)

    def test_what_one_company_says_of_a_customer_is_not_the_others_word(self):
        reader = self.person("Reader")
        here, there = self.customer.with_company(self.french), self.customer.with_company(self.belgian)
        here.write({"followup_opt_out": True, "followup_contact_id": self.boss.id, "followup_cc_ids": reader.ids})
        self.assertEqual((here.followup_cc_ids, there.followup_cc_ids), (reader, reader.browse()))
        move = self.invoice()
        theirs = self.invoices_of(self.belgians["accountant"], self.belgian, 1)
        self.assertEqual(self.written_to(), {"compta@beta.test": {theirs.name}})
        self.assertEqual(move.followup_ids.why, "opted_out")
        here.followup_opt_out = False
        self.run_cron()
        named = " ".join(f"{mail['To'] or ''} {mail['Cc'] or ''}" for mail in self.mails())
        self.assertEqual(set(re.findall(r"[\w.]+@[\w.]+", named)), {"boss@beta.test", "reader@beta.test"})

    def test_a_letter_needs_no_address(self):
        paper = self.env["res.partner"].create({"name": "Paper", "is_company": True})
        move = self.invoice(partner=paper)
        policy = self.env.ref("lokario_billing.policy_invoice").copy(
            {"company_id": self.french.id, "level_ids": [Command.clear()]}
        )
        policy.level_ids = [
            Command.create({"name": "Mail", "sequence": 1, "days": 3}),
            Command.create({"name": "Letter", "sequence": 2, "days": 7, "channel": "letter"}),
        ]
        self.run_cron()
        self.assertEqual(move.followup_ids.step_ids.reminder_id.mapped("state"), ["todo"])
        self.assertIn("Letter", self.tasks(move))
        self.assertFalse(self.mails())

    def test_a_reminder_that_failed_is_repeated_once_the_address_is_mended(self):
        move = self.invoice(days_late=30)
        self.run_cron()
        reminder = move.followup_ids.step_ids.reminder_id
        self.smtp.received.clear()
        reminder.sudo()._set_state("failed", "550 unknown")
        with freeze_time(fields.Datetime.now() + timedelta(days=8)):
            self.assertEqual(self.reason(move), "undelivered")
            self.customer.email = "right@beta.test"
            self.run_cron()
        self.assertEqual([mail["To"] for mail in self.mails()], ["Bêta SARL <right@beta.test>"])
        self.assertEqual(move.followup_ids.step_ids.sorted("id").mapped("sequence"), [1, 1])

    def test_an_invoice_that_never_left_is_sent_first(self):
        move = self.invoice(invoice_user_id=self.seller.id)
        move.is_move_sent = False
        self.assertEqual(self.reason(move), "not_arrived")
        self.assertEqual(len(move.followup_ids.activity_ids), 1)
        self.run_cron()
        self.assertEqual(len(move.followup_ids.activity_ids), 1)
        move.is_move_sent = True
        self.assertEqual(len(self.written_to()), 1)
        paper = self.invoice(partner=self.person("Third"))
        paper.is_move_sent = False
        self.french.followup_unsent = True
        self.assertEqual(len(self.written_to()), 1)

    def test_an_invoice_whose_mail_bounced_is_not_dunned(self):
        move = self.invoice()
        values = {"model": move._name, "res_id": move.id, "subject": "Invoice", "email_to": "gone@beta.test"}
        mail = self.env["mail.mail"].sudo().create({**values, "body_html": "<p>Hi</p>"})
        with self.sending():
            mail.send()
        self.smtp.received.clear()
        mail._deliveries()._set_bounced("No such user")
        self.assertEqual(self.reason(move), "not_arrived")
        with self.sending():
            mail.copy({"email_to": "right@beta.test", "state": "outgoing"}).send()
        self.smtp.received.clear()
        self.assertEqual(len(self.written_to()), 1)

    def transfer(self, document, days_ago=0, code="custom", method=None):
        """The customer chooses to pay by wire (or by another method); nothing has arrived."""
        provider = self.env["payment.provider"].sudo().search([], limit=1)
        self.env.cr.execute("UPDATE payment_provider SET code = %s WHERE id = %s", [code, provider.id])
        method = method or self.env["payment.method"].with_context(active_test=False).search([], limit=1)
        link = "invoice_ids" if document._name == "account.move" else "sale_order_ids"
        transaction = (
            self.env["payment.transaction"]
            .sudo()
            .create(
                {
                    "provider_id": provider.id,
                    "payment_method_id": method.id,
                    "reference": f"wire-{document.name}-{days_ago}",
                    "amount": 100,
                    "currency_id": document.currency_id.id,
                    "partner_id": document.partner_id.id,
                    link: [Command.set(document.ids)],
                    "state": "pending",
                }
            )
        )
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE payment_transaction SET create_date = %s WHERE id = %s",
            [fields.Datetime.now() - timedelta(days=days_ago), transaction.id],
        )
        self.env.invalidate_all()
        return transaction

    def test_a_direct_debit_under_way_waits_until_its_bank_has_answered(self):
        move = self.invoice()
        debit = self.env.ref("payment.payment_method_sepa_direct_debit")
        transaction = self.transfer(move, days_ago=10, code="none", method=debit)
        self.assertEqual(self.reason(move), "direct_debit")
        self.assertEqual(len(move.followup_ids.message_ids.filtered(lambda each: "under way" in each.body)), 1)
        transaction.state = "cancel"  # the bank refused
        self.assertEqual(self.written_to(), {"compta@beta.test": {move.name}})
        other = self.invoice(partner=self.person("Third"))
        self.transfer(other, days_ago=15, code="none", method=debit)
        self.assertEqual(self.written_to(), {"third@beta.test": {other.name}})

    def test_each_further_recipient_has_a_mail_and_a_delivery_of_his_own(self):
        first, second, gone = (self.person(name) for name in ("First", "Second", "Gone"))
        gone.active = False
        self.customer.with_company(self.french).followup_to_ids = first | second | gone
        self.customer.with_company(self.french).followup_cc_ids = second  # whoever is chosen is a copy from now on
        move = self.invoice()
        self.run_cron()
        reminder = move.followup_ids.step_ids.reminder_id.sudo()
        to, copies = (
            [address for mail in self.mails() for address in re.findall(r"[\w.]+@[\w.]+", mail[header] or "")]
            for header in ("To", "Cc")
        )
        self.assertEqual((sorted(to), copies), (["compta@beta.test", "first@beta.test"], ["second@beta.test"]))
        ours = [("res_model", "=", reminder._name), ("res_id", "=", reminder.id)]
        deliveries = self.env["lokario.delivery"].sudo().search(ours)
        self.assertEqual(deliveries.mapped("state"), ["sent", "sent"])
        mine = deliveries.filtered(lambda each: each.mail_id == reminder.mail_id)
        (deliveries - mine)._set_bounced("No such user")
        self.assertEqual(reminder.state, "sent")
        mine._set_bounced("No such user")
        self.assertEqual(reminder.state, "failed")

    def test_an_announced_transfer_waits_for_some_days_and_never_for_ever(self):
        move, order = self.invoice(), self.quote(self.buyer)
        self.transfer(move)
        self.transfer(order)
        self.assertEqual(self.reason(move), "payment_pending")
        self.assertEqual(order.followup_ids.why, "payment_pending")
        notes = len(move.followup_ids.message_ids)
        self.run_cron()
        self.assertEqual(len(move.followup_ids.message_ids), notes)
        with freeze_time(fields.Datetime.now() + timedelta(days=8)):
            self.assertIn("compta@beta.test", self.written_to())

    def test_announcing_again_and_again_waits_no_longer(self):
        move = self.invoice(60)
        for days_ago in (30, 20, 0):
            self.transfer(move, days_ago)
        self.assertEqual(len(self.written_to()), 1)

    def bank_line(self, **values):
        journal = self.env["account.journal"].search(
            [("type", "=", "bank"), ("company_id", "=", self.french.id)], limit=1
        )
        values = {"journal_id": journal.id, "date": fields.Date.today(), "amount": 100, "payment_ref": "VIR", **values}
        return self.env["account.bank.statement.line"].create(values)

    def test_money_on_the_bank_statement_that_fits_holds(self):
        customers = [self.customer.copy({"email": f"c{number}@beta.test"}) for number in range(5)]
        named, referred, counted, iban, unpaid = (
            self.invoice(partner=customer, amount=100 + number) for number, customer in enumerate(customers)
        )
        account = {"acc_number": "FR76 3000 6000 0112 3456 7890 189", "partner_id": iban.partner_id.id}
        self.env["res.partner.bank"].create(account)
        self.bank_line(partner_id=named.partner_id.id, amount=7)
        self.bank_line(payment_ref=f"VIREMENT SEPA {referred.name.replace('/', ' ')} MERCI", amount=8)
        self.bank_line(payment_ref="DIVERS", amount=counted.amount_residual)
        self.bank_line(account_number="FR7630006000011234567890189", amount=9)
        self.assertEqual(self.written_to(), {unpaid.partner_id.email: {unpaid.name}})
        held = named | referred | counted | iban
        why = ["bank_money", "bank_money", "bank_sum", "bank_money"]
        self.assertEqual([move.followup_ids.why for move in held], why)
        self.assertIn("no name", counted.followup_ids.activity_ids.summary)
        with freeze_time(fields.Datetime.now() + timedelta(days=40)):
            self.assertEqual(len(self.written_to().keys() & set(held.partner_id.mapped("email"))), 4)

    def test_a_cent_is_neither_reminded_nor_a_reason_to_be_silent(self):
        rest = self.invoice()
        self.pay(rest, 99.99)
        self.assertEqual(self.reason(rest), "below_minimum")
        self.invoice(partner=self.person("Big", parent_id=False, is_company=True), amount=50_000)
        credit = {"payment_type": "inbound", "partner_type": "customer", "amount": 0.01}
        big = self.env["res.partner"].search([("email", "=", "big@beta.test")])
        self.env["account.payment"].create({**credit, "partner_id": big.id}).action_post()
        self.assertEqual(self.written_to().keys(), {"big@beta.test"})
        self.french.followup_tolerance = 0
        self.assertEqual(len(self.written_to()), 1)

    def test_a_comment_of_the_customer_is_an_answer_and_a_colleagues_is_none(self):
        mine, theirs = self.quote(self.buyer), self.quote(self.boss)
        self.plan(self.french)
        seen = {"subtype_xmlid": "mail.mt_comment"}
        theirs.with_user(self.seller).message_post(body="I called him", message_type="comment", **seen)
        theirs.message_post(body="By mail", message_type="email", author_id=self.seller.partner_id.id, **seen)
        mine.message_post(body="Other colour", message_type="comment", author_id=self.buyer.id, **seen)
        self.assertEqual((mine | theirs).followup_ids.mapped("answer_pending"), [True, False])
        self.assertEqual(self.written_to().keys(), {"boss@beta.test"})

    def test_a_handled_answer_ends_the_pause_and_not_the_dunning(self):
        move = self.invoice(60)
        self.plan(self.french)
        followup = move.followup_ids
        followup._reply_received()
        self.assertEqual(self.reason(move), "answer_pending")
        followup.with_user(self.people["collector"][0]).action_answer_handled()
        self.assertEqual(self.reason(move), "not_reached")
        with freeze_time(fields.Datetime.now() + timedelta(days=6)):
            self.assertEqual(len(self.written_to()), 1)

    def test_endless_promises_pause_nothing(self):
        move = self.invoice(60)
        self.run_cron()
        self.smtp.received.clear()
        followup, reminder = move.followup_ids, move.followup_ids.step_ids.reminder_id.sudo()
        statement = self.env["lokario.followup.statement"]
        for days in (10, 20):
            statement._promise(reminder, followup.ids, str(fields.Date.today() + timedelta(days=days)))
        with self.assertRaisesRegex(UserError, "promised before"):
            statement._promise(reminder, followup.ids, str(fields.Date.today() + timedelta(days=50)))
        followup.sudo().promise_ids = [
            Command.create({"promised_for": fields.Date.today() + timedelta(days=50), "by_customer": True})
        ]
        self.assertEqual(followup.promised_until, fields.Date.today() + timedelta(days=20))
        self.assertTrue([task for task in self.tasks(move) if "so far: 3" in task])
        with freeze_time(fields.Datetime.now() + timedelta(days=21)):
            self.assertEqual(len(self.written_to()), 1)
        self.assertTrue([task for task in self.tasks(move) if "day he promised" in task])

    def test_old_quotes_are_closed_and_count_from_the_day_they_were_sent(self):
        old, recent = self.quote(self.buyer, 700, validity_date=False), self.quote(self.boss, 9, validity_date=False)
        (old | recent).validity_date = False
        self.assertEqual(self.written_to().keys(), {"boss@beta.test"})
        self.assertEqual((old.followup_ids.why, old.followup_ids.state), ("expired", "done"))
        self.assertEqual(recent.followup_ids.sent_date, recent.date_order.date())
        self.french.partner_id.tz = "Europe/Paris"
        recent.date_order = "2026-03-10 23:30:00"  # after midnight there
        self.assertEqual(str(recent._followup_sent_date()), "2026-03-11")

    def test_overseas_departments_have_french_law(self):
        move = self.invoice()
        for country, has in (("re", True), ("gp", True), ("pm", True), ("nc", False), ("be", False)):
            self.french.country_id = self.env.ref(f"base.{country}")
            self.assertEqual(move._prints_late_payment_mentions(), has, country)

    def test_nothing_leaves_while_the_company_is_closed(self):
        today = fields.Datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
        self.french.partner_id.tz = "UTC"
        leave = {"name": "Closed", "date_from": today, "date_to": today + timedelta(days=4, hours=23)}
        self.env["resource.calendar.leaves"].create({**leave, "calendar_id": self.french.resource_calendar_id.id})
        move = self.invoice()
        self.assertEqual(self.reason(move), "window")
        self.assertEqual(move.followup_ids.next_at, today + timedelta(days=5))

    def test_the_manager_is_told_of_an_archived_policy(self):
        move = self.invoice(3)
        self.plan(self.french)
        own = self.env.ref("lokario_billing.policy_invoice").copy({"company_id": self.french.id})
        move.followup_ids.policy_id = own
        manager = self.french._billing_people()[:1]
        manager.lang = "en_US"
        own.active = False
        to_him = [("partner_ids", "in", manager.partner_id.ids)]
        note = self.env["mail.message"].search(to_him, limit=1, order="id desc")
        self.assertEqual(note.subject, "The follow-up policy was archived")
        self.assertIn("Unpaid invoices", note.body)

    def test_penalties_of_every_instalment_from_its_own_day(self):
        rates = self.env["lokario.penalty.rate"]
        rates.search([]).unlink()
        known = {"refinancing_rate": 2.15, "legal_rate": 2.62, "source": "test"}
        this_year = fields.Date.today().year
        rates.create([{"starts_on": f"{this_year}-01-01", **known}])
        with freeze_time(f"{this_year}-06-30 10:00:00"):
            move = self.instalments(f"{this_year}-01-31", f"{this_year}-05-31")
            self.assertAlmostEqual(self.formal_notice(move).penalty_amount, 299.59, 2)
        with freeze_time(f"{this_year}-07-20 10:00:00"):
            late = self.instalments(f"{this_year}-06-10", f"{this_year}-07-15")
            reminder = self.formal_notice(late)
        self.assertAlmostEqual(reminder.penalty_amount, 5000 * 12.15 * 20 / 36500, 2)
        self.assertIn("7", reminder.penalty_without)
        letter = str(reminder._letter_body())
        self.assertIn(reminder.penalty_without, letter)

    def test_no_penalties_on_what_a_credit_covers(self):
        rates = self.env["lokario.penalty.rate"]
        rates.search([]).unlink()
        year = fields.Date.today().year
        rates.create([{"starts_on": f"{year}-01-01", "refinancing_rate": 2.15, "legal_rate": 2.62, "source": "test"}])
        with freeze_time(f"{year}-06-30 10:00:00"):
            move = self.instalments(f"{year}-01-31", f"{year}-05-31")
            payment = self.env["account.payment"].with_company(self.french)
            values = {"payment_type": "inbound", "partner_type": "customer", "partner_id": self.customer.id}
            payment.create({**values, "amount": 6000}).action_post()
            reminder = self.formal_notice(move)
        self.assertEqual(reminder.amount, 4000)
        self.assertAlmostEqual(reminder.penalty_amount, 4000 * 12.15 * 30 / 36500, 2)

    def test_a_promise_is_for_a_day_of_the_companys_calendar(self):
        self.french.partner_id.tz = "America/Guadeloupe"
        move = self.invoice()
        self.run_cron()
        promises = self.env["lokario.followup.promise"].with_context(tz="UTC")
        with freeze_time("2026-06-10 01:30:00"):  # the evening before, there
            promises.create({"followup_id": move.followup_ids.id, "promised_for": "2026-06-09"})
            self.assertEqual(str(move.followup_ids.promised_until), "2026-06-09")
            with self.assertRaises(UserError):
                promises.create({"followup_id": move.followup_ids.id, "promised_for": "2026-06-08"})

    def test_days_are_those_of_the_companys_calendar(self):
        """01:30 UTC is the evening before in Guadeloupe: answers, payments, reminders, quotes, disputes, delays."""
        self.french.partner_id.tz = "America/Guadeloupe"
        with freeze_time("2026-06-10 01:30:00"):
            move = self.invoice(invoice_date="2026-05-09", invoice_date_due="2026-06-09")
            order = self.quote(self.buyer, 0)
            self.plan(self.french)
            followup = move.followup_ids
            self.assertEqual(followup.days_late, 0)
            followup._reply_received()
            self.transfer(move).company_id.partner_id.tz = "America/Guadeloupe"
            dispute = {"followup_id": order.followup_ids.id, "reason": "The colour"}
            dispute = self.env["lokario.followup.dispute"].create(dispute)
            dispute.action_reject()
            self.assertEqual(str(dispute.answered_on), "2026-06-09")
            (invoice,) = followup._decide().values()
            order.followup_ids.sent_date = False
            (quote,) = order.followup_ids._decide().values()
        days = (invoice.document.answer, invoice.document.payment_until, quote.document.sent)
        self.assertEqual([*map(str, days)], ["2026-06-09", "2026-06-16", "2026-06-09"])
        with freeze_time("2026-06-12 12:00:00"):
            later = self.invoice()
            self.run_cron()
            later.followup_ids.step_ids.sudo().sent_at = "2026-06-12 01:30:00"
            (decision,) = later.followup_ids._decide().values()
        self.assertEqual(str(decision.document.last_on), "2026-06-11")

    def test_a_dispute_is_answered_by_a_day_of_the_companys_calendar(self):
        """In one of these zones it is another day than UTC's, at any moment."""
        move = self.invoice()
        self.plan(self.french)
        deadlines = set()
        for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):
            self.french.partner_id.tz = zone
            dispute = {"followup_id": move.followup_ids.id, "reason": "The colour"}
            dispute = self.env["lokario.followup.dispute"].create(dispute)
            raised_on = local_time(dispute.create_date, zone).date()
            self.assertEqual(dispute.answer_by, raised_on + timedelta(days=10))
            deadlines.add(dispute.answer_by)
        self.assertEqual(len(deadlines), 2)

    def test_an_invoice_is_under_its_issuers_law_unless_the_contract_names_another(self):
        firms = self.env["res.partner"].create(
            [
                {"name": name, "is_company": True, "email": f"{name}@abroad.test", "country_id": self.env.ref(code).id}
                for name, code in (("boston", "base.us"), ("austin", "base.us"), ("quebec", "base.ca"))
            ]
        )
        firms[1].with_company(self.french).followup_other_law = True
        moves = self.env["account.move"].concat(*(self.invoice(30, partner=firm) for firm in firms))
        notices = {notice.partner_id: notice.indemnity_amount for notice in self.formal_notice(moves)}
        self.assertEqual([notices[firm] for firm in firms], [40, 0, 40])
        self.assertEqual([move._prints_late_payment_mentions() for move in moves], [True, False, True])

    def instalments(self, first, second):
        """Return an invoice of 10,000 in two halves."""
        move = self.invoice(amount=10_000)
        move.button_draft()
        move.write({"invoice_date": f"{fields.Date.today().year}-01-02", "date": f"{fields.Date.today().year}-01-02"})
        move.invoice_payment_term_id = self.env["account.payment.term"].create(
            {
                "name": "Halves",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": 50, "delay_type": "days_after", "nb_days": days}
                    )
                    for days in (
                        (fields.Date.to_date(first) - move.invoice_date).days,
                        (fields.Date.to_date(second) - move.invoice_date).days,
                    )
                ],
            }
        )
        move.action_post()
        return move

    def formal_notice(self, move):
        self.plan(self.french)
        policy = self.env.ref("lokario_billing.policy_invoice").copy(
            {"company_id": self.french.id, "level_ids": [Command.clear()]}
        )
        policy.level_ids = [Command.create({"name": "Notice", "sequence": 1, "days": 1, "formal_notice": True})]
        move.followup_ids.policy_id = policy
        self.run_cron()
        return move.followup_ids.step_ids.reminder_id
