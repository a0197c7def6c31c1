"""Broken promises, branches, and where the recipient is: through real documents."""

from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_followup_debtors import DebtorCase


@tagged("post_install", "-at_install")
class TestRunsOfDebtors(DebtorCase):
    def promise(self, move, days):
        promise = {"promised_for": fields.Date.today() + timedelta(days=days), "by_customer": True}
        move.followup_ids.sudo().promise_ids = [Command.create(promise)]

    def reminded(self, move, days):
        """Run the job some days later; return the numbers of the levels so far."""
        with freeze_time(fields.Datetime.now() + timedelta(days=days)):
            self.run_cron()
            return move.followup_ids.step_ids.sorted("id").mapped("sequence")

    def test_the_second_one_moves_the_next_reminder_one_level_up_once(self):
        move, other = self.invoice(8), self.invoice(8, partner=self.person("Cleo", parent_id=False))
        self.run_cron()
        for days in (6, 9):
            self.promise(move, days)
        self.promise(other, 9)
        self.assertEqual(self.reminded(move, 8), [1])  # the second promise still holds
        self.assertEqual(self.reminded(move, 10), [1, 3])
        self.assertEqual(other.followup_ids.step_ids.sorted("id").mapped("sequence"), [1, 2])
        self.assertEqual(self.reminded(move, 40), [1, 3])

    def test_never_where_the_company_says_so(self):
        self.french.followup_broken_promises = 0
        move = self.invoice(8)
        self.run_cron()
        for days in (6, 9):
            self.promise(move, days)
        self.assertEqual(self.reminded(move, 10), [1, 2])

    def test_one_document_that_fails_costs_itself_only(self):
        moves = [self.invoice(10, partner=self.person(f"Of{number}", parent_id=False)) for number in range(5)]
        poisoned = moves[2]
        facts = type(self.env["lokario.followup.facts"])
        original = facts._invoice_facts

        def invoice_facts(model, followup, batch):
            if followup.move_id == poisoned:
                raise ValueError("An amount that is none")
            return original(model, followup, batch)

        with (
            patch.object(facts, "_invoice_facts", invoice_facts),
            mute_logger("odoo.addons.lokario_billing.models.followup_run"),
        ):
            self.run_cron()
            self.assertEqual(len(self.mails()), 4)
            self.run_cron()
        self.assertEqual(len(self.mails()), 4)
        [task] = poisoned.activity_ids.filtered(lambda each: "cannot be followed up" in each.summary)
        self.assertIn("An amount that is none", task.note)
        self.run_cron()
        self.assertEqual(len(self.mails()), 5)

    # === WHERE THE RECIPIENT IS === #

    def due_at(self, country, instant, closes=18, **values):
        """Return the invoice of a customer in a country, overdue at an instant at which the job runs."""
        self.french.write({"followup_holidays": True, "followup_opens": 8, "followup_closes": closes})
        self.french.partner_id.tz = "Europe/Paris"
        with freeze_time(instant):
            place = {"parent_id": False, "country_id": self.env.ref(f"base.{country}").id, **values}
            move = self.invoice(10, partner=self.person(f"Of {country}".replace(" ", ""), **place))
            self.run_cron()
        return move

    def test_no_reminder_on_the_recipients_holiday(self):
        holiday = "2026-10-26 10:00:00"  # Austria's national day; an ordinary Monday in France
        austrian, french = self.due_at("at", holiday), self.due_at("fr", holiday)
        self.assertEqual(austrian.followup_ids.why, "window")
        self.assertEqual(str(austrian.followup_ids.next_at), "2026-10-27 07:00:00")
        self.assertEqual(french.followup_ids.step_ids.state, "sent")

    def test_no_reminder_in_the_recipients_night(self):
        morning = "2026-06-30 07:00:00"  # nine in Paris
        asleep, awake = self.due_at("us", morning, tz="America/New_York"), self.due_at("jp", morning)
        self.assertEqual(asleep.followup_ids.why, "window")
        self.assertEqual(str(asleep.followup_ids.next_at), "2026-06-30 11:00:00")
        self.assertEqual(awake.followup_ids.step_ids.state, "sent")

    def test_who_lives_on_the_other_side_gets_it_in_the_companys_hours(self):
        move = self.due_at("nz", "2026-06-30 08:00:00", closes=12, tz="Pacific/Honolulu")
        self.assertEqual(move.followup_ids.step_ids.state, "sent")


@tagged("post_install", "-at_install")
class TestBranches(DebtorCase):
    def branch_invoice(self, company):
        return self.invoices_of(self.people["manager"][0], company=company, count=1)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.cr.precommit.run()  # loads the charts of accounts of the branches
        always = {"followup_days": "all", "followup_holidays": False, "followup_opens": 0, "followup_closes": 23.999}
        (cls.branch | cls.twig).write(always)
        for user in cls.people["manager"]:
            user.company_ids |= cls.branch | cls.twig

    def test_the_parents_switch_counts(self):
        moves = self.branch_invoice(self.branch) | self.branch_invoice(self.twig)
        self.assertFalse(any((self.branch | self.twig).mapped("followup_enabled")))
        self.run_cron()
        self.assertEqual(moves.followup_ids.step_ids.mapped("state"), ["sent", "sent"])

    def test_a_parent_that_is_switched_off_or_not_approved_sends_nothing(self):
        move = self.branch_invoice(self.twig)
        self.french.followup_approved_at = False
        self.run_cron()
        self.assertEqual(move.followup_ids.why, "not_approved")
        self.french.followup_enabled = False
        self.run_cron()
        move.followup_ids._refresh_plan()
        self.assertEqual(move.followup_ids.why, "switched_off")
        self.twig.write({"followup_enabled": True, "followup_approved_at": fields.Datetime.now()})
        self.run_cron()
        self.assertEqual(move.followup_ids.step_ids.state, "sent")

    def test_the_nearest_policy_counts(self):
        shared = self.env.ref("lokario_billing.policy_invoice")
        policies = self.env["lokario.followup.policy"]
        self.assertEqual(policies._get_for(self.twig, "invoice"), shared)
        above = shared.copy({"company_id": self.french.id, "name": "Of the parent"})
        self.assertEqual(policies._get_for(self.twig, "invoice"), above)
        nearer = shared.copy({"company_id": self.branch.id, "name": "Of the branch"})
        self.assertEqual(policies._get_for(self.twig, "invoice"), nearer)
        self.assertEqual(policies._get_for(self.french, "invoice"), above)
        self.assertEqual(policies._get_for(self.belgian, "invoice"), shared)
        move = self.branch_invoice(self.twig)
        self.plan(self.twig)
        self.assertEqual(move.followup_ids.policy_id, nearer)
