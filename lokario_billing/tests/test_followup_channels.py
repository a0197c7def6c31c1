"""Calls, letters and promises: what a person hears or posts decides as a mail would."""

from datetime import timedelta

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .test_followup_debtors import DebtorCase


@tagged("post_install", "-at_install")
class TestChannels(DebtorCase):
    def by(self, channel, **values):
        """Return an invoice whose first level is by this channel, and its reminder."""
        policy = self.env.ref("lokario_billing.policy_invoice").copy(
            {"company_id": self.french.id, "level_ids": [Command.clear()]}
        )
        level = {"sequence": 1, "days": 7, "channel": channel, "name": channel.title(), **values}
        policy.level_ids = [Command.create(level), Command.create({"name": "Next", "sequence": 2, "days": 14})]
        self.customer = self.customer.copy({"email": f"{channel}@beta.test"})
        move = self.invoice(invoice_user_id=self.people["collector"][0].id)
        self.run_cron()
        return move, move.followup_ids.step_ids.reminder_id

    def note(self, record, **values):
        """Save a phone note as a collector."""
        collector = self.people["collector"][0]
        action = record.with_user(collector).action_call()
        call = self.env["lokario.followup.call"].with_user(collector).with_context(**action["context"])
        with Form(call) as form:
            for name, value in values.items():
                form[name] = value
        form.record.action_save()
        return form.record

    def test_a_letter_is_an_activity_with_its_pdf(self):
        for channel in ("letter", "registered"):
            move, reminder = self.by(channel)
            activity = move.followup_ids.activity_ids
            self.assertEqual((reminder.state, activity.summary), ("todo", channel.title()))
            self.assertIn(move.name.encode(), activity.attachment_ids.raw)
            reminder.with_user(self.people["collector"][0]).action_activity_done()
            self.assertEqual((reminder.state, move.followup_ids.activity_ids), ("done", activity.browse()))
            self.env["lokario.followup.policy"].search([("company_id", "=", self.french.id)]).active = False

    def test_a_letter_that_came_back_is_no_level_until_the_address_is_another(self):
        move, reminder = self.by("letter")
        reminder.with_user(self.people["collector"][0]).action_activity_done()
        reminder.with_user(self.people["collector"][0]).action_came_back()
        with freeze_time(fields.Datetime.now() + timedelta(days=8)):
            self.assertEqual(self.reason(move), "undelivered")
            self.customer.street = "1 rue Neuve"
            self.run_cron()
        self.assertEqual(move.followup_ids.step_ids.sorted("id").mapped("state"), ["failed", "todo"])

    def test_only_the_task_of_the_letter_ends_with_it(self):
        move, reminder = self.by("letter")
        self.env["lokario.followup.dispute"].create({"followup_id": move.followup_ids.id, "reason": "Wrong price"})
        reminder.action_activity_done()
        self.assertEqual(self.tasks(move), ["The customer disputes this document."])

    def test_a_sum_promised_for_several_documents_is_for_the_oldest_first(self):
        moves = self.invoice(20, 100) | self.invoice(15, 50) | self.invoice(10, 70)
        self.run_cron()
        reminder = moves.followup_ids.step_ids.reminder_id
        soon = fields.Date.today() + timedelta(days=5)
        self.note(reminder, outcome="promise", promised_for=soon, promised_amount=120)
        self.assertEqual([sum(move.followup_ids.promise_ids.mapped("amount")) for move in moves], [100, 20, 0])
        self.note(moves[2].followup_ids, outcome="promise", promised_for=soon)
        self.assertEqual(moves[2].followup_ids.promise_ids.amount, 70)

    def test_what_is_said_on_the_phone_pauses(self):
        move, reminder = self.by("call", script="Ask politely")
        followup = move.followup_ids
        self.assertEqual(self.note(reminder, outcome="no_answer").script, "Ask politely")
        self.assertEqual((reminder.state, followup.step_ids.state), ("todo", "todo"))
        with self.assertRaisesRegex(UserError, "what was said"):
            self.note(reminder, outcome="answer")
        soon = fields.Date.today() + timedelta(days=5)
        self.note(reminder, outcome="promise", promised_for=soon)
        self.assertEqual((reminder.state, followup.why, followup.promised_until), ("done", "promised", soon))
        self.note(followup, outcome="dispute", note="Wrong colour")
        self.assertEqual((followup.why, followup.dispute_ids.reason), ("disputed", "Wrong colour"))
        followup.dispute_ids.action_reject()
        followup.promise_ids.withdrawn = True
        self.note(followup, outcome="answer", note="Will ask his boss")
        self.assertEqual(followup.why, "answer_pending")
        self.assertIn("Will ask his boss", followup.message_ids[0].body)

    def test_a_wrong_number_is_no_level(self):
        self.customer.phone = "0102030405"
        move, reminder = self.by("call")
        self.note(reminder, outcome="wrong")
        self.assertEqual((reminder.state, move.followup_ids.why), ("failed", "undelivered"))
        self.customer.phone = "0102030406"
        self.run_cron()
        self.assertEqual(len(move.followup_ids.step_ids), 2)

    # === PROMISES === #

    def promised(self, amount=0.0, days=3, **values):
        move = self.invoice(**values)
        self.plan(self.french)
        day = fields.Date.today() + timedelta(days=days)
        promise = {"followup_id": move.followup_ids.id, "promised_for": day, "amount": amount}
        return move, self.env["lokario.followup.promise"].create(promise)

    def test_what_was_promised_was_paid(self):
        move, promise = self.promised(40)
        self.pay(move, 40)
        with freeze_time(fields.Datetime.now() + timedelta(days=4)):
            self.assertEqual(promise.outcome, "kept")
            self.assertEqual(len(self.written_to()), 1)
        self.assertFalse([task for task in self.tasks(move) if "promised" in task])

    def test_a_part_waits_some_days_more(self):
        move, promise = self.promised()
        self.pay(move, 60)
        with freeze_time(fields.Datetime.now() + timedelta(days=5)):
            self.assertEqual(promise.outcome, "partly")
            self.assertEqual(self.reason(move), "partly_kept")
            again = self.french._followup_window().local_day(move.followup_ids.next_at)
            self.assertEqual(again, promise.promised_for + timedelta(days=6))
        with freeze_time(fields.Datetime.now() + timedelta(days=9)):
            self.assertEqual(len(self.written_to()), 1)

    def test_only_broken_promises_count(self):
        move, kept = self.promised(40)
        self.pay(move, 40)
        with freeze_time(fields.Datetime.now() + timedelta(days=4)):
            day = fields.Date.today() + timedelta(days=1)
            again = kept.create({"followup_id": kept.followup_id.id, "promised_for": day, "amount": 60})
        with freeze_time(fields.Datetime.now() + timedelta(days=7)):
            self.assertEqual((kept | again).mapped("outcome"), ["kept", "broken"])
            self.run_cron()
        self.assertEqual(move.followup_ids.step_ids.sequence, 1)
