"""What people have to do: old documents at switch-on, notices to approve, plans, hand-over, new orders, one payment."""

import csv
import io
import json
import re
import zipfile
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from ..controllers import statement
from .common import BillingCase
from .test_followup_debtors import DebtorCase


@tagged("post_install", "-at_install")
class TestDesk(DebtorCase):
    def policy(self, **values):
        policy = self.env.ref("lokario_billing.policy_invoice").copy(
            {"company_id": self.french.id, "level_ids": [Command.clear()]}
        )
        policy.level_ids = [Command.create({"name": "Notice", "sequence": 1, "days": 7, **values})]
        return policy

    def switch_on(self):
        """Play the dry run of four late invoices that were never followed up."""
        self.french.write({"followup_enabled": False, "followup_approved_at": False})
        self.manager = self.people["manager"][0]
        customers = [self.customer.copy({"email": f"c{number}@beta.test"}) for number in range(4)]
        self.ancient, self.old, self.recent, self.chosen = (
            self.invoice(days, partner=customer) for days, customer in zip((400, 60, 10, 50), customers, strict=True)
        )
        self.preview = self.env["lokario.followup.preview"].with_user(self.manager).create({})
        self.preview.action_run()

    def start(self, move):
        return self.preview.start_ids.filtered(lambda start: start.followup_id == move.followup_ids)

    def foretold(self, move):
        lines = self.preview.line_ids.filtered(lambda line: line.followup_id == move.followup_ids and line.at)
        return lines.sorted("at").level_id.mapped("sequence")

    def test_the_dry_run_proposes_a_start_and_the_approval_stores_it(self):
        self.switch_on()
        proposed = {self.start(move).choice for move in (self.ancient, self.old, self.recent)}
        self.assertEqual(proposed, {"skip", "today", False})
        self.assertEqual(
            [self.foretold(move) for move in (self.ancient, self.old, self.recent)], [[], [1, 2, 3], [1, 2, 3]]
        )
        self.assertEqual(self.ancient.followup_ids.auto_enabled, True)  # nothing is stored before
        self.start(self.chosen).write(
            {"choice": "level", "level_id": self.env.ref("lokario_billing.level_invoice_firm").id}
        )
        self.preview.action_run()
        self.assertEqual(self.foretold(self.chosen), [2, 3])
        self.preview.action_approve()
        self.assertTrue(self.french.followup_enabled, "a manager needs no administrator")
        self.assertEqual(
            self.written_to(),
            {self.recent.partner_id.email: {self.recent.name}, self.chosen.partner_id.email: {self.chosen.name}},
        )
        self.assertEqual(self.ancient.followup_ids.why, "auto_off")
        self.assertEqual(self.chosen.followup_ids.step_ids.sequence, 2)
        with freeze_time(fields.Datetime.now() + timedelta(days=8)):
            self.assertIn(self.old.partner_id.email, self.written_to())

    def test_a_notice_waits_until_a_colleague_lets_it_go(self):
        self.policy(needs_approval=True)
        move = self.invoice()
        self.assertEqual(self.reason(move), "approval")
        self.assertEqual(move.followup_ids.work, "approve")
        move.followup_ids.with_user(self.people["collector"][0]).action_approve_level()
        self.assertEqual(self.written_to(), {"compta@beta.test": {move.name}})
        self.assertFalse(move.followup_ids.work)
        with freeze_time(fields.Datetime.now() + timedelta(days=6)):
            self.run_cron()
            self.assertEqual(move.followup_ids.work, "handover")

    def test_the_desk_groups_what_a_person_has_to_do(self):
        customers = [self.customer.copy({"email": f"d{number}@beta.test"}) for number in range(5)]
        answered, disputed, unsent, broken, quiet = (self.invoice(partner=customer) for customer in customers)
        unsent.is_move_sent = False
        self.plan(self.french)
        answered.followup_ids._reply_received()
        self.env["lokario.followup.dispute"].create({"followup_id": disputed.followup_ids.id, "reason": "Price"})
        self.env["lokario.followup.promise"].create(
            {"followup_id": broken.followup_ids.id, "promised_for": fields.Date.today()}
        )
        self.run_cron()
        with freeze_time(fields.Datetime.now() + timedelta(days=2)):
            self.french.followup_paused_until = fields.Date.today()
            self.run_cron()
            work = [each.followup_ids.work for each in (answered, disputed, unsent, broken, quiet)]
        self.assertEqual(work, ["answer", "dispute", "send", "promise", False])

    def test_a_dispute_has_a_day_by_which_it_is_answered(self):
        self.french.followup_dispute_days = 4
        move = self.invoice()
        self.plan(self.french)
        mine = self.env["lokario.followup.dispute"].with_user(self.people["collector"][0])
        dispute = mine.create({"followup_id": move.followup_ids.id, "reason": "Price"})
        day = fields.Date.today() + timedelta(days=4)
        self.assertEqual((dispute.answer_by, move.followup_ids.answer_by), (day, day))
        self.assertEqual(move.followup_ids.activity_ids.mapped("date_deadline"), [day])
        dispute.action_reject()
        self.assertEqual((dispute.answered_on, move.followup_ids.answer_by), (fields.Date.today(), False))

    def test_documents_of_one_name_have_a_folder_each(self):
        """Two companies may both have an invoice of this number."""
        moves = self.invoice() | self.invoice(20, partner=self.person("Third"))
        self.run_cron()
        with patch.object(self.registry["lokario.followup"], "_document_label", lambda _followup: "INV/1"):
            files = self.env["lokario.followup.evidence"]._bundle(moves.followup_ids)
        self.assertEqual(len([name for name in files if name.endswith("/timeline.json")]), 2)

    def test_the_file_for_the_agency_ends_the_reminders(self):
        moves = self.invoice() | self.invoice(20, partner=self.person("Third"))
        self.assertEqual(len(self.written_to()), 2)
        moves[0].partner_id.name = "=cmd|calc"
        followups = moves.followup_ids.with_user(self.people["collector"][0])
        url = followups.action_hand_over()["url"]
        attachment = self.env["ir.attachment"].browse(int(re.search(r"/content/(\d+)", url).group(1)))
        moves[0].invoice_user_id = seller = self.people["seller"][0]
        self.assertTrue(moves[0].followup_ids.with_user(seller).has_access("read"))
        readers = {user: attachment.with_user(user).has_access("read") for user in (seller, followups.env.user)}
        self.assertEqual(readers, {seller: False, followups.env.user: True}, "it holds others' documents, too")
        with zipfile.ZipFile(io.BytesIO(attachment.raw)) as archive:
            rows = list(csv.DictReader(io.StringIO(archive.read("claims.csv").decode("utf-8-sig")), delimiter=";"))
            names = archive.namelist()
        self.assertEqual({row["document"] for row in rows}, set(moves.mapped("name")))
        self.assertTrue(all(row["customer"][0] != "=" for row in rows))
        self.assertIn(f"{moves[0].name.replace('/', '-')}/timeline.json", names)
        self.assertEqual(set(followups.mapped("why")), {"handed_over"})
        with freeze_time(fields.Datetime.now() + timedelta(days=30)):
            self.assertFalse(self.written_to())
            followups.action_reopen()
            self.assertEqual(len(self.written_to()), 2)

    def test_a_customers_page_tells_everything_in_its_order(self):
        move = self.invoice()
        self.run_cron()
        self.env["lokario.followup.dispute"].create({"followup_id": move.followup_ids.id, "reason": "Wrong price"})
        day = fields.Date.today() + timedelta(days=3)
        self.env["lokario.followup.promise"].create({"followup_id": move.followup_ids.id, "promised_for": day})
        story = self.customer.with_user(self.people["collector"][0]).followup_timeline
        for words in ("Wrong price", "Friendly reminder", "promised for"):
            self.assertIn(words, story)
        foreign = self.customer.with_user(self.belgians["collector"]).followup_timeline
        self.assertNotIn(move.name, foreign)

    def test_a_quote_is_no_claim(self):
        order = self.quote(self.buyer)
        self.plan(self.french)
        self.assertGreater(order.followup_ids.due_date, fields.Date.today())
        self.assertEqual(order.followup_ids.days_late, 0, "it is not late by -30 days")
        with self.assertRaisesRegex(UserError, "invoices"):
            order.followup_ids.with_user(self.people["collector"][0]).action_hand_over()

    def test_new_orders_of_a_debtor_are_held_and_a_manager_lets_them_pass(self):
        level = self.policy(order_block="hold").level_ids
        order = self.quote(self.buyer, user_id=self.seller.id)
        self.assertFalse(order.followup_warning)
        move = self.invoice()
        self.run_cron()
        order.invalidate_recordset()
        mine = order.with_user(self.seller)
        self.assertIn("Notice", mine.followup_warning)
        with self.assertRaisesRegex(UserError, "billing manager"):
            mine.action_confirm()
        level.order_block = "warn"
        mine.action_confirm()
        level.order_block = "hold"
        held = self.quote(self.boss)
        with self.assertRaisesRegex(UserError, "billing manager"):
            held.with_user(self.seller).action_confirm()
        self.seller.group_ids |= self.env.ref("lokario_billing.group_lokario_billing_manager")
        held.with_user(self.seller).action_confirm()
        self.assertEqual((order | held).mapped("state"), ["sale", "sale"])
        self.pay(move)
        self.assertFalse(self.quote(self.buyer).followup_warning)

    def test_a_payment_plan_holds_while_it_is_kept(self):
        move = self.invoice(30, 90)
        self.plan(self.french)
        day = fields.Date.today()
        lines = [{"date": day + timedelta(days=days), "amount": 30} for days in (5, 10, 15)]
        plan = self.env["lokario.followup.plan"].with_user(self.people["collector"][0])
        self.assertFalse(plan.new({"followup_id": move.followup_ids.id}).outcome, "what has no instalment is not paid")
        plan = plan.create({"followup_id": move.followup_ids.id, "line_ids": [Command.create(line) for line in lines]})
        self.assertEqual(self.reason(move), "plan")
        with freeze_time(fields.Datetime.now() + timedelta(days=5)):
            self.pay(move, 30)
        with freeze_time(fields.Datetime.now() + timedelta(days=8)):
            self.assertEqual(self.reason(move), "plan")
            self.assertEqual((plan.outcome, plan.next_on), ("kept", day + timedelta(days=10)))
        with freeze_time(fields.Datetime.now() + timedelta(days=11)):
            self.french.partner_id.lang = "fr_FR"
            self.assertEqual(self.written_to(), {"compta@beta.test": {move.name}})
            plan.invalidate_recordset()
            self.assertEqual(plan.outcome, "broken")
            self.assertIn("Relance « ", "".join(move.message_ids.mapped("body")), "in the language of the company")
        self.assertTrue([task for task in self.tasks(move) if "payment plan" in task])


@tagged("post_install", "-at_install")
class TestPayAll(BillingCase, HttpCase):
    def setUp(self):
        super().setUp()
        self.authenticate(None, None)
        self.moves = self.invoice() | self.invoice(20, 55)
        self.run_cron()
        reminder = self.moves[1].followup_ids.step_ids.reminder_id
        self.page = f"/followups/statement/{reminder.access_token}"
        self.path = f"{self.page}/pay/{self.moves.currency_id.id}"

    def call(self, path, **params):
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": params})
        return self.url_open(path, data=body, headers={"Content-Type": "application/json"}).json()

    def offer(self, company):
        """Return a way to pay that this company offers, as a form sends it."""
        provider = self.env["payment.provider"].sudo().search([("code", "=", "none")], limit=1).copy()
        provider.write({"company_id": company.id, "state": "test", "is_published": True})
        method = self.env.ref("payment.payment_method_unknown").sudo()
        method.provider_ids |= provider
        method.active = True
        return {
            "provider_id": provider.id,
            "payment_method_id": method.id,
            "token_id": None,
            "flow": "redirect",
            "tokenization_requested": False,
            "landing_route": "https://elsewhere.test",
            "payment_reference": "all",
        }

    def test_one_payment_for_all_that_is_due(self):
        """Through Odoo's own form."""
        self.assertNotIn("/pay/", self.url_open(self.page).text, "nobody takes payments for this company yet")
        params = self.offer(self.company)
        self.assertIn(self.path, self.url_open(self.page).text)
        page = self.url_open(self.path)
        self.assertEqual(page.status_code, 200)
        for move in self.moves:
            self.assertIn(move.name, page.text)
        foreign = self.offer(self.env["res.company"].create({"name": "Other SARL"}))
        elsewhere = {"provider_id": foreign["provider_id"]}
        for wrong in ({"amount": 1}, {"amount": [1]}, elsewhere, {"provider_id": None}, {"payment_method_id": 1 << 40}):
            with mute_logger("odoo.http"):
                refused = self.call(f"{self.path}/transaction", **{"amount": 155, **params, **wrong})
            self.assertEqual(refused["error"]["data"]["name"], "odoo.exceptions.ValidationError", wrong)
        self.assertFalse(self.moves.transaction_ids)
        answer = self.call(f"{self.path}/transaction", amount=155, **params)
        self.assertNotIn("error", answer, answer)
        self.env.invalidate_all()
        transaction = self.moves.sudo().transaction_ids
        self.assertEqual((transaction.amount, transaction.invoice_ids), (155, self.moves.sudo()))
        self.assertEqual((transaction.landing_route, transaction.operation), (self.page, "online_redirect"))
        validation = self.call(f"{self.path}/transaction", amount=155, **params, is_validation=True)
        self.assertNotIn("error", validation)
        self.assertEqual(self.moves.sudo().transaction_ids.mapped("operation"), ["online_redirect"] * 2)

    def test_a_link_begins_some_payments_an_hour(self):
        params = self.offer(self.company)
        with patch.object(statement, "CHANGES", 1), mute_logger("odoo.http"):
            answers = [self.call(f"{self.path}/transaction", amount=155, **params) for _try in range(4)]
        refused = sum("error" in answer for answer in answers)
        self.assertIn(refused, (2, 3), "one an hour, and an hour may end between two")
        self.assertEqual(len(self.moves.sudo().transaction_ids), 4 - refused)

    def test_a_foreign_link_pays_nothing(self):
        self.assertEqual(self.url_open(self.path.replace("statement/", "statement/x")).status_code, 404)
        for currency, status in (("999999", 303), ("9" * 12, 404), ("9" * 5000, 404)):
            page = self.url_open(f"{self.page}/pay/{currency}", allow_redirects=False)
            self.assertEqual(page.status_code, status, currency[:20])
        self.pay(self.moves[0])
        self.pay(self.moves[1])
        page = self.url_open(self.path, allow_redirects=False)
        self.assertEqual(page.status_code, 303)
