from datetime import timedelta

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import new_test_user, tagged

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

    def test_a_colleague_who_buys_is_a_customer(self):
        buyer = new_test_user(self.env, "buyer", email="buyer@alpha.test").partner_id
        move = self.invoice(partner=buyer)
        self.run_cron()
        reminder = move.followup_ids.step_ids.reminder_id
        delivery = self.env["lokario.delivery"].search([("mail_id", "=", reminder.mail_id.id)])
        self.assertEqual((len(self.mails()), reminder.state, delivery.state), (1, "sent", "sent"))

    def test_documents_of_a_customer_are_grouped(self):
        moves = self.invoice() | self.invoice(12, 50) | self.invoice(15, 25)
        self.run_cron()
        self.assertEqual(len(self.mails()), 1)
        self.assertEqual(moves.followup_ids.step_ids.reminder_id.amount, 175)

    def test_mails_rendered_together_read_like_mails_rendered_alone(self):
        """A batch compiles its template once, in each language."""
        self.env["res.lang"]._activate_lang("fr_FR")
        for number, lang in enumerate(("fr_FR", "en_US", "fr_FR")):
            self.invoice(partner=self.customer.copy({"name": f"Client {number}", "lang": lang}), amount=10 + number)
        self.run_cron()
        reminders = self.env["lokario.followup.reminder"].search([], limit=3)
        template = self.env.ref("lokario_billing.mail_template_followup_invoice").sudo()
        together = template._render_field("body_html", reminders.ids, compute_lang=True)
        alone = {
            each.id: template._render_field("body_html", each.ids, compute_lang=True)[each.id] for each in reminders
        }
        self.assertEqual(together, alone)
        self.assertEqual(len(set(alone.values())), 3)

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

    def test_the_customer_reads_the_amount_in_the_currency_of_his_invoice(self):
        gold = self.setup_other_currency("GBP", rates=[("2016-01-01", 2.0)])
        home = self.invoice(amount=30)
        foreign = self.invoice(amount=100, currency_id=gold.id)
        self.pay(foreign, 40)
        self.run_cron()
        step = foreign.followup_ids.step_ids
        self.assertEqual((step.amount, step.claim_amount, step.claim_currency_id), (30, 60, gold))
        self.assertEqual(foreign.followup_ids.amount, 30)
        self.assertEqual(step.reminder_id.amount, 60)
        body = self.mails()[0].get_body(("html",)).get_content().replace(",", ".")  # figures in any language
        for words in ("£", "60.00", "$", "30.00"):
            self.assertIn(words, body)
        self.assertNotIn("90.00", body)
        self.assertEqual(home.followup_ids.step_ids.reminder_id, step.reminder_id)

    def test_what_is_due_follows_payments_and_a_paid_document_owes_nothing(self):
        move = self.invoice(amount=100)
        move.action_view_followup()
        followup = move.followup_ids
        self.assertEqual((followup.amount, followup.claim_amount), (100, 100))
        self.pay(move, 40)
        self.run_cron()
        self.assertEqual((followup.amount, followup.claim_amount), (60, 60))
        self.pay(move)
        self.run_cron()
        self.assertEqual((followup.amount, followup.state), (0, "done"))

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
                "amount": 99.5,
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

    def _rates(self):
        rates = self.env["lokario.penalty.rate"]
        rates.search([]).unlink()
        known = {"refinancing_rate": 2.15, "legal_rate": 2.62, "source": "test"}
        this_year = fields.Date.today().year
        days = [f"{year}-{month}-01" for year in (this_year - 1, this_year) for month in ("01", "07")]
        rates.create([{"starts_on": day, **known} for day in days])

    def test_formal_notice_to_a_company_claims_penalties_and_indemnity(self):
        self._rates()
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

    def test_a_formal_notice_on_paper_is_an_activity_and_a_letter(self):
        self._rates()
        move = self.invoice(days_late=36, amount=1000)
        move.action_view_followup()
        followup = move.followup_ids
        followup.policy_id = followup.policy_id.copy({"level_ids": [fields.Command.clear()]})
        level = {"name": "Formal notice", "sequence": 1, "days": 21, "channel": "letter", "formal_notice": True}
        followup.policy_id.level_ids = [fields.Command.create(level)]
        self.run_cron()
        reminder = followup.step_ids.reminder_id
        self.assertEqual((len(self.mails()), reminder.state, reminder.indemnity_amount), (0, "todo", 40))
        self.assertTrue(followup.activity_ids)
        letter, _kind = self.env["ir.actions.report"]._render_qweb_html(
            "lokario_billing.report_reminder_letter", reminder.ids
        )
        for words in (b"L441-10", b"Formal notice", move.name.encode()):
            self.assertIn(words, letter)
        reminder.action_activity_done()
        self.assertEqual((reminder.state, followup.step_ids.state), ("done", "done"))
        self.assertFalse(followup.activity_ids)

    def test_french_invoices_to_professionals_carry_the_mentions(self):
        person = self.env["res.partner"].create({"name": "Anne", "email": "anne@beta.test", "vat": "/"})
        moves = {"professional": self.invoice(), "consumer": self.invoice(partner=person)}
        self.assertIn("40 EUR", self._printed(moves["professional"]))
        self.assertIn("European Central Bank", self._printed(moves["professional"]))
        self.assertNotIn("40 EUR", self._printed(moves["consumer"]))
        self.company.followup_penalty_rate = 12.5
        self.assertIn("12.50", self._printed(moves["professional"]))
        self.company.followup_print_mentions = False
        self.assertNotIn("40 EUR", self._printed(moves["professional"]))

    def _printed(self, move):
        html, _kind = self.env["ir.actions.report"]._render_qweb_html("account.report_invoice", move.ids)
        return html.decode().replace(",", ".")  # figures in any language

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

    def test_one_bad_document_does_not_stop_the_company(self):
        """Its customer was given to another company; its person is told why it is not followed up."""
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self.env["res.partner"].create({"name": "Gamma", "email": "compta@gamma.test"})
        good = self.invoice() | self.invoice(12)
        bad = self.invoice(partner=stranger)
        bad.invoice_user_id.lang = "en_US"
        stranger.company_id = other
        self.run_cron()
        self.run_cron()
        self.assertEqual(len(self.mails()), 1)
        self.assertEqual(set(good.followup_ids.step_ids.mapped("state")), {"sent"})
        self.assertFalse(bad.followup_ids)
        self.assertEqual(bad.activity_ids.mapped("summary"), ["This document cannot be followed up"])

    def test_an_archived_policy_falls_to_the_companys(self):
        kept, bare = self.invoice(), self.invoice(partner=self.customer.copy({"email": "b@beta.test"}))
        kept.action_view_followup()
        default = self.env.ref("lokario_billing.policy_invoice")
        own = default.copy({"company_id": self.company.id})
        kept.followup_ids.policy_id = own
        own.active = False
        self.run_cron()
        self.assertEqual((kept | bare).followup_ids.step_ids.mapped("level_id.policy_id"), default)
        default.active = False
        late = self.invoice(partner=self.customer.copy({"email": "c@beta.test"}))
        self.run_cron()
        self.assertEqual(late.followup_ids.why, "no_level")

    def test_a_corrected_invoice_is_followed_up_with_its_new_customer(self):
        """Also when it is corrected between the making of the mail and its sending."""
        right = self.customer.copy({"name": "Right SA", "email": "r@right.test"})
        move = self.invoice()
        move.action_view_followup()
        followup = move.followup_ids
        reminder = self.env["lokario.followup.reminder"]._prepare(followup._plan_and_store())
        move.button_draft()
        move.partner_id = right
        move.action_post()
        with self.sending():
            reminder.mail_id.send()
        self.assertFalse(self.mails())
        self.assertEqual(reminder.state, "cancelled")
        self.run_cron()
        self.assertEqual([mail["To"] for mail in self.mails()], ["Right SA <r@right.test>"])
        self.assertEqual(followup.customer_id, right)

    def test_what_came_back_is_reminded_again(self):
        move = self.invoice()
        move.action_view_followup()
        followup = move.followup_ids
        move.button_draft()
        self.run_cron()
        self.assertEqual((followup.state, followup.why), ("done", "cancelled"))
        move.action_post()
        self.run_cron()
        self.assertEqual(followup.step_ids.mapped("state"), ["sent"])
        wanted = self.invoice(partner=self.customer.copy({"email": "w@beta.test", "followup_opt_out": True}))
        self.run_cron()
        self.assertEqual(wanted.followup_ids.why, "opted_out")
        notes = len(wanted.followup_ids.message_ids)
        self.run_cron()
        self.assertEqual(len(wanted.followup_ids.message_ids), notes)  # nothing flaps
        wanted.partner_id.followup_opt_out = False
        self.run_cron()
        self.assertEqual(wanted.followup_ids.step_ids.mapped("state"), ["sent"])

    def test_a_quote_that_is_extended_is_reminded_again(self):
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "validity_date": fields.Date.today() - timedelta(days=1),
                "order_line": [fields.Command.create({"product_id": self.product_a.id})],
            }
        )
        order.action_quotation_sent()
        self.run_cron()
        followup = order.followup_ids
        self.assertEqual((followup.state, followup.why), ("done", "expired"))
        order.validity_date = fields.Date.today() + timedelta(days=30)
        self.run_cron()
        self.assertNotEqual(followup.state, "done")
