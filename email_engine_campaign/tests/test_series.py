from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.tests import tagged

from ..tools.recurrence import next_moment
from .common import CampaignCommittedCase

PARIS = ZoneInfo("Europe/Paris")


@tagged("post_install", "-at_install")
class TestWinner(CampaignCommittedCase):
    def _create_test(self, **values):
        self._add_contacts([f"p{number}@x.test" for number in range(60)])
        values = {"subject_b": "B", "winner_by": "opened", "test_share": 50, "track_opens": True, **values}
        return self._create_campaign(**values)

    def _engage(self, campaign, variant):
        people = campaign.recipient_ids.filtered(lambda one: one.variant == variant and one.state == "sent")
        for recipient in people:
            recipient._record_engagement("open")

    def _let_time_pass(self, campaign):
        campaign.sudo().started_at -= timedelta(hours=4)

    def test_the_others_wait_and_get_the_better_subject(self):
        campaign = self._create_test()
        campaign._send()
        self._run_chunks(campaign)
        states = list(self._states(campaign).values())
        tested = states.count("sent")
        self.assertTrue(0 < tested < 60)
        self.assertEqual(
            (states.count("held"), campaign.state, campaign.waiting_count), (60 - tested, "sending", 60 - tested)
        )
        self.assertEqual((campaign.held_count, campaign.later_count), (60 - tested, 0), "no quota is waited for")
        self.assertEqual(campaign.winner_due_at, campaign.started_at + timedelta(hours=4))
        self._engage(campaign, 1)
        campaign._take_up()
        self.assertFalse(campaign.winner)  # the time of the test is not over
        self._let_time_pass(campaign)
        campaign._take_up()
        self.assertEqual(campaign.winner, "b")
        campaign._continue()
        self._run_chunks(campaign)
        late = campaign.recipient_ids.filtered(lambda one: not one.opened_at and one.variant == 1)
        self.assertEqual(len(late), 60 - tested)
        self.assertEqual(campaign.state, "sent")
        self.assertEqual(sorted(set(self._states(campaign).values())), ["sent"])

    def test_the_note_is_in_the_companys_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env.company.partner_id.lang = "fr_FR"
        campaign = self._create_test()
        campaign._send()
        self._run_chunks(campaign)
        self._let_time_pass(campaign)
        self.run_cron("email_engine_campaign.ir_cron_continue_campaigns")
        self.assertIn("Le test est terminé", campaign.message_ids[0].body)

    def test_a_tie_is_subject_a(self):
        campaign = self._create_test()
        campaign._send()
        self._let_time_pass(campaign)
        campaign._take_up()
        self.assertEqual(campaign.winner, "a")

    def test_a_test_needs_what_decides_it(self):
        for wrong in (
            {"subject_b": False},
            {"track_opens": False},
            {"winner_by": "clicked"},
            {"transport": "mailwizz"},
        ):
            with self.subTest(wrong=wrong), self.assertRaises(ValidationError):
                self._create_test(**wrong)


@tagged("post_install", "-at_install")
class TestSeries(CampaignCommittedCase):
    def test_when_the_next_is_due(self):
        for first, every, after, following in (
            (datetime(2026, 3, 28, 8), "day", datetime(2026, 3, 28, 8), datetime(2026, 3, 29, 7)),  # summer time begins
            (datetime(2026, 10, 19, 7), "week", datetime(2026, 10, 19, 7, 5), datetime(2026, 10, 26, 8)),
            (datetime(2026, 1, 31, 9), "month", datetime(2026, 1, 31, 9), datetime(2026, 2, 28, 9)),
            (datetime(2026, 1, 31, 9), "month", datetime(2026, 2, 28, 9), datetime(2026, 3, 31, 8)),
            (
                datetime(2026, 1, 1, 9),
                "day",
                datetime(2026, 1, 20, 12),
                datetime(2026, 1, 21, 9),
            ),  # missed ones stay out
        ):
            with self.subTest(first=first, every=every):
                self.assertEqual(next_moment(first, every, after, PARIS), following)

    def _schedule(self, **values):
        due = fields.Datetime.now() - timedelta(minutes=1)
        campaign = self._create_campaign(repeat_every="week", scheduled_at=due, **values)
        campaign.action_schedule()
        return campaign

    def test_a_campaign_that_starts_schedules_the_next_one_once(self):
        self._add_contacts(["a@x.test"])
        campaign = self._schedule()
        campaign._take_up()
        following = campaign.next_id
        self.assertEqual((campaign.state, following.state), ("sending", "scheduled"))
        self.assertEqual(following.scheduled_at, campaign.scheduled_at + timedelta(days=7))
        self.assertEqual((following.list_ids, following.repeat_every), (self.list, "week"))
        campaign._send()
        self.assertEqual(self.env["engine.campaign"].search_count([("repeat_from", "!=", False)]), 1)
        self._add_contacts(["b@x.test"])  # who comes later is in the next one
        following.sudo().scheduled_at = campaign.scheduled_at
        following._take_up()
        self.assertEqual(sorted(self._states(following)), ["a@x.test", "b@x.test"])
        self.assertTrue(following.next_id)

    def test_a_week_without_recipients_is_skipped(self):
        campaign = self._schedule()
        campaign._take_up()
        self.assertEqual((campaign.state, campaign.next_id.state), ("cancelled", "scheduled"))

    def test_a_day_without_quota_waits(self):
        self._add_contacts(["a@x.test"])
        campaign = self._schedule()
        (self.ip_a1 | self.ip_a2).write({"status": "paused"})
        campaign._take_up()
        self.assertEqual((campaign.state, bool(campaign.next_id)), ("scheduled", False))

    def test_a_series_ends(self):
        self._add_contacts(["a@x.test"])
        campaign = self._schedule(repeat_until=date.today() + timedelta(days=3))
        campaign._take_up()
        self.assertEqual((campaign.state, bool(campaign.next_id)), ("sending", False))
