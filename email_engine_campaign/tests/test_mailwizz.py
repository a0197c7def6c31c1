from contextlib import suppress
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import freeze_time, tagged

from lokario_testing.environments import mailwizz
from odoo.addons.email_engine_bridge.exceptions import ApiProblem
from odoo.addons.queue_job.exception import RetryableJobError
from odoo.addons.queue_job.tests.common import trap_jobs

from ..models import engine_campaign_audience, engine_transport_mailwizz
from .common import CampaignCommittedCase


@tagged("post_install", "-at_install")
class TestMailWizzCampaign(CampaignCommittedCase):
    def setUp(self):
        super().setUp()
        self.mailwizz = mailwizz.FakeMailWizz("key")
        self.url = self.enterContext(mailwizz.serving(self.mailwizz))
        self._add_contacts(["a@x.test", "b@x.test", "gone@x.test"])
        self.campaign = self._create_campaign(transport="mailwizz")
        self.transport = self.env["engine.transport.mailwizz"]

    def _connect(self):
        self.tenant_a.write({"mailwizz_url": self.url, "mailwizz_key": "key"})
        self.env.flush_all()

    def test_without_an_address_it_says_what_to_fill_in(self):
        with self.assertRaisesRegex(UserError, "MailWizz"):
            self.campaign._send()

    def test_people_message_and_unsubscribe_reach_mailwizz_once(self):
        """An outage in the middle is tried again: nobody and nothing is there twice."""
        self._connect()
        answer = self.campaign._send()
        self.assertEqual((answer["success"], answer["total_recipients"]), (True, 3))
        self.env["engine.suppression"]._suppress(self.tenant_a, ["gone@x.test"], "unsubscribe")
        self.mailwizz.fail_next = [503]
        self._run_until_retry()
        self.transport._job_hand_over(self.campaign)
        self.transport._job_hand_over(self.campaign)
        [uid] = self.mailwizz.campaigns
        [list_uid] = self.mailwizz.lists
        self.assertEqual({email for _uid, email in self.mailwizz.subscribers}, {"a@x.test", "b@x.test"})
        self.assertEqual(self.mailwizz.campaigns[uid]["campaign[list_uid]"], list_uid)
        self.assertEqual(self.mailwizz.campaigns[uid]["campaign[subject]"], "Bonjour [FNAME]")
        self.assertIn("Hi [FNAME]", self.mailwizz.campaigns[uid]["html"])
        self.assertIn("[UNSUBSCRIBE_URL]", self.mailwizz.campaigns[uid]["html"])
        self.assertEqual(self.mailwizz.campaigns[uid]["campaign[options][url_tracking]"], "no")
        self.assertEqual((self.campaign.state, self.campaign.mailwizz_part_ids.campaign_uid), ("sending", uid))
        self.assertEqual(set(self._states(self.campaign).values()), {"handing", "suppressed"})
        self.mailwizz.campaigns[uid]["status"] = "sent"
        self._follow()
        self.assertEqual(set(self._states(self.campaign).values()), {"sent", "suppressed"})

    def test_a_long_list_is_written_by_a_job(self):
        self._add_contacts([f"p{number}@x.test" for number in range(9)])
        self._connect()
        self.startPatcher(patch.object(engine_transport_mailwizz, "IN_REQUEST", 5))
        self.startPatcher(patch.object(engine_campaign_audience, "PIECE", 5))
        campaign = self._create_campaign(transport="mailwizz", name="Long", subject_b="Autre")
        self.assertEqual(campaign._send()["total_recipients"], 12)
        self.assertFalse(campaign.mailwizz_part_ids)
        campaign._job_prepare()
        campaign.invalidate_recordset()
        self.assertEqual((len(campaign.mailwizz_part_ids), campaign.later_count), (2, 0))
        self.transport._job_hand_over(campaign)
        self.assertEqual(len(self.mailwizz.subscribers), 12)

    def test_it_gets_as_many_people_a_day_as_the_quotas_allow(self):
        """117 more people, two IPs of 50 a day: 100 today, 20 tomorrow, in a campaign of their own."""
        self._add_contacts([f"p{number}@x.test" for number in range(117)])
        self._connect()
        answer = self.campaign._send()
        self.assertEqual((answer["total_recipients"], answer["sent_today"], answer["sent_later"]), (120, 100, 20))
        self.assertIn(answer["ip_used"], (self.ip_a1.address, self.ip_a2.address))
        self.assertEqual(answer["quota_info"], {"daily_quota": 50, "sent_today_before": 0, "remaining_after": 0})
        self.transport._job_hand_over(self.campaign)
        self.assertEqual(len(self.mailwizz.subscribers), 100)
        self.assertEqual(self._count_days(), {"sent": 100, "reserved": 0})
        [uid] = self.mailwizz.campaigns
        self.mailwizz.campaigns[uid]["status"] = "sent"
        self._follow()
        self.campaign._take_up()
        self.assertEqual((self.campaign.state, len(self.campaign.mailwizz_part_ids)), ("sending", 1))
        with freeze_time(fields.Datetime.now() + timedelta(days=1)):
            self.campaign._take_up()
            self.transport._job_hand_over(self.campaign)
            self.transport._job_hand_over(self.campaign)
        self.assertEqual((len(self.mailwizz.subscribers), len(self.mailwizz.campaigns)), (120, 2))
        self.assertEqual(len({email for _uid, email in self.mailwizz.subscribers}), 120)
        for one in self.mailwizz.campaigns.values():
            one["status"] = "sent"
        self._follow()
        self.assertEqual((self.campaign.state, set(self._states(self.campaign).values())), ("sent", {"sent"}))

    def test_an_exhausted_quota_or_a_paused_ip_holds_what_mailwizz_still_has(self):
        self._connect()
        self.campaign._send()
        self.transport._job_hand_over(self.campaign)
        [uid] = self.mailwizz.campaigns
        self.mailwizz.campaigns[uid].update(status="sending", processed=1)
        self._follow()
        self.assertEqual(self.mailwizz.campaigns[uid]["status"], "sending")
        today = self.tenant_a._get_today()
        for ip in (self.ip_a1, self.ip_a2):  # somebody else's mails, as PowerMTA records them
            self._count_events(ip, today, sent=50, recorded=50)
        self._follow()
        self.assertEqual(self.mailwizz.campaigns[uid]["status"], "paused")
        self.assertTrue(self.campaign.mailwizz_part_ids.is_held)
        with freeze_time(fields.Datetime.now() + timedelta(days=1)):
            self._follow()
            self.assertEqual(self.mailwizz.campaigns[uid]["status"], "sending")
            (self.ip_a1 | self.ip_a2)._set_status("paused", "Test")
            self._follow()
            self.assertEqual(self.mailwizz.campaigns[uid]["status"], "paused")
            self.campaign.action_pause()
            self.campaign.action_resume()
            self.assertEqual(self.mailwizz.campaigns[uid]["status"], "paused")
            self.ip_a1._set_status("warming", "Test")
            self._follow()
            self.assertEqual(self.mailwizz.campaigns[uid]["status"], "sending")
            self.ip_a1._set_status("paused", "Test")
            self.mailwizz.campaigns[uid]["processed"] = 3
            self._follow()
            self.assertEqual(self.mailwizz.campaigns[uid]["status"], "sending")

    def _count_days(self):
        days = self.env["engine.ip.day"].search([("tenant_id", "=", self.tenant_a.id)])
        days.invalidate_recordset()
        return {name: sum(days.mapped(name)) for name in ("sent", "reserved")}

    def test_without_quota_mailwizz_gets_nothing(self):
        self._connect()
        (self.ip_a1 | self.ip_a2)._set_status("paused", "Test")
        with self.assertRaisesRegex(ApiProblem, "No IPs with sufficient quota"):
            self.campaign._send()
        self.assertFalse(self.mailwizz.lists)

    def test_what_a_long_outage_let_lapse_is_reserved_again_or_waits(self):
        """Other mail used the quota meanwhile: MailWizz gets the people, and the campaign only when quota is free."""
        self._connect()
        self.campaign._send()
        self.mailwizz.fail_next = [503]
        self._run_until_retry()
        for reservation in self.env["engine.lease"].search([("tenant_id", "=", self.tenant_a.id)]):
            self.quota._release(reservation.token)
        others = self.quota._reserve(self.tenant_a, 98)
        self._run_until_retry()
        self.assertEqual((len(self.mailwizz.subscribers), self.mailwizz.campaigns), (3, {}))
        self.quota._release(others[0]["reservation"])
        self.transport._job_hand_over(self.campaign)
        self.assertEqual(len(self.mailwizz.campaigns), 1)
        self.assertEqual(self._count_days()["sent"], 3)

    def test_each_subject_is_a_campaign_of_its_own(self):
        """MailWizz's API knows no A/B test: everybody is in one list and gets one subject, counted apart."""
        self._add_contacts([f"p{number}@x.test" for number in range(40)])
        self._connect()
        self.campaign.write({"subject_b": "Autre {{ first_name }}", "track_clicks": True})
        self.campaign._send()
        self.mailwizz.fail_next = [503]
        self._run_until_retry()
        self.transport._job_hand_over(self.campaign)
        self.transport._job_hand_over(self.campaign)
        theirs = {one["campaign[subject]"]: one for one in self.mailwizz.campaigns.values()}
        self.assertEqual(set(theirs), {"Bonjour [FNAME]", "Autre [FNAME]"})
        self.assertEqual((len(self.mailwizz.campaigns), len(self.mailwizz.templates)), (2, 1))
        for one in theirs.values():
            self.assertIn("href='https://shop.test/a?b=1&amp;c=2'", one["html"])
            self.assertEqual(one["campaign[options][url_tracking]"], "yes")
        for variant, subject in enumerate(("Bonjour [FNAME]", "Autre [FNAME]")):
            people = self.campaign.recipient_ids.filtered(lambda one, variant=variant: one.variant == variant)
            in_list = {
                email for uid, email in self.mailwizz.subscribers if uid == theirs[subject]["campaign[list_uid]"]
            }
            self.assertEqual(in_list, set(people.mapped("email")))
            self.assertTrue(in_list)
        self.campaign.action_pause()
        self.assertEqual({one["status"] for one in theirs.values()}, {"paused"})
        self.campaign.action_resume()
        theirs["Autre [FNAME]"]["status"] = "sent"
        self._follow()
        self.assertEqual(self.campaign.state, "sending")
        theirs["Bonjour [FNAME]"]["status"] = "sent"
        self._follow()
        self.assertEqual(self.campaign.state, "sent")

    def test_a_subject_that_nobody_gets_makes_no_campaign(self):
        self._connect()
        self.campaign.write({"subject_b": "Autre", "share_b": 100})
        self.campaign._send()
        self.transport._job_hand_over(self.campaign)
        self.assertEqual([one["campaign[subject]"] for one in self.mailwizz.campaigns.values()], ["Autre"])

    def test_everybody_left_before_the_hand_over(self):
        self._connect()
        self.campaign._send()
        addresses = self.campaign.recipient_ids.mapped("email")
        self.env["engine.suppression"]._suppress(self.tenant_a, addresses, "unsubscribe")
        self.transport._job_hand_over(self.campaign)
        self._follow()
        self.assertEqual((self.campaign.state, self.mailwizz.campaigns), ("sent", {}))
        self.assertEqual(set(self._states(self.campaign).values()), {"suppressed"})

    def test_it_leaves_at_once_on_the_clock_of_the_customer(self):
        self._connect()
        self.tenant_a.tz = "America/New_York"
        with freeze_time("2026-07-01 12:00:00"):
            self.campaign._send()
            self.transport._job_hand_over(self.campaign)
        [theirs] = self.mailwizz.campaigns.values()
        self.assertEqual(theirs["campaign[send_at]"], "2026-07-01 08:01:00")

    def _run_until_retry(self):
        """assertRaises would roll back; the journal stays, as on its own transactions."""
        try:
            self.transport._job_hand_over(self.campaign)
        except RetryableJobError:
            return
        self.fail("the job did not ask to be tried again")

    def test_a_refusal_pauses_the_campaign(self):
        self._connect()
        self.campaign._send()
        self.mailwizz.api_key = "changed"
        self.assertIn("Invalid API key", self.transport._job_hand_over(self.campaign))
        self.campaign.invalidate_recordset()
        self.assertEqual(self.campaign.state, "paused")

    def _hand_over(self):
        self._connect()
        self.campaign._send()
        self.transport._job_hand_over(self.campaign)
        [uid] = self.mailwizz.campaigns
        return self.mailwizz.campaigns[uid]

    def _follow(self):
        self.run_cron("email_engine_campaign.ir_cron_follow_mailwizz")

    def test_buttons_reach_mailwizz(self):
        theirs = self._hand_over()
        self.campaign.action_pause()
        self.assertEqual((self.campaign.state, theirs["status"]), ("paused", "paused"))
        self.campaign.action_resume()
        self.assertEqual((self.campaign.state, theirs["status"]), ("sending", "sending"))
        self.mailwizz.fail_next = [503]
        with self.assertRaisesRegex(UserError, "503"):
            self.campaign.action_pause()
        self.env.invalidate_all()
        self.assertEqual((self.campaign.state, theirs["status"]), ("sending", "sending"))
        self.campaign.action_cancel()
        self.assertEqual(theirs["status"], "paused")

    def test_end_and_unsubscribes_come_back(self):
        """Who leaves at MailWizz gets nothing more, by any road; the campaign is sent when MailWizz says so."""
        theirs = self._hand_over()
        self.campaign._take_up()
        self.assertEqual(self.campaign.state, "sending")
        for (_list, email), record in self.mailwizz.subscribers.items():
            record["status"] = "confirmed" if email == "gone@x.test" else "unsubscribed"
        theirs["status"] = "sent"
        self._follow()
        self._follow()
        self.assertEqual((self.campaign.state, self.campaign.unsubscribed_count), ("sent", 2))
        again = self._create_campaign(name="Next")
        self.env["engine.campaign.audience"]._populate(again)
        self.assertEqual(
            self._states(again), {"a@x.test": "suppressed", "b@x.test": "suppressed", "gone@x.test": "queued"}
        )

    def test_an_unsubscribe_is_known_before_the_next_campaign(self):
        self._hand_over()
        [record, *_rest] = (one for (_list, email), one in self.mailwizz.subscribers.items() if email == "a@x.test")
        record["status"] = "unsubscribed"
        following = self._create_campaign(name="Next", transport="mailwizz")
        following._send()
        self.transport._job_hand_over(following)
        last_list = list(self.mailwizz.lists)[-1]
        reached = {email for uid, email in self.mailwizz.subscribers if uid == last_list}
        self.assertEqual(reached, {"b@x.test", "gone@x.test"})

    def test_the_kill_switch_pauses_what_mailwizz_has(self):
        theirs = self._hand_over()
        with trap_jobs() as trap:
            self.tenant_a.action_stop()
            trap.assert_enqueued_job(self.transport._job_stop, args=(self.campaign,))
        self.transport._job_stop(self.campaign)
        self.assertEqual((self.campaign.state, theirs["status"]), ("paused", "paused"))

    def test_the_kill_switch_stops_the_hand_over(self):
        self._connect()
        self.campaign._send()
        self.tenant_a.action_stop()
        self.env.flush_all()
        self.transport._job_hand_over(self.campaign)
        self.assertEqual((self.mailwizz.subscribers, self.mailwizz.campaigns), ({}, {}))


@tagged("post_install", "-at_install")
class TestMailWizzMessages(CampaignCommittedCase):
    """Single messages of a tenant whose mail MailWizz sends: one transactional email a person, whatever breaks."""

    def setUp(self):
        super().setUp()
        self.mailwizz = mailwizz.FakeMailWizz("key")
        url = self.enterContext(mailwizz.serving(self.mailwizz))
        values = {"mailwizz_url": url, "mailwizz_key": "key", "message_transport": "mailwizz"}
        self.tenant_a.write(values)
        self.env["ir.config_parameter"].set_param("email_engine.public_url", "https://engine.example.com")
        self.transport = self.env["engine.transport.mailwizz"]

    def _submit(self, *addresses):
        values = {"to": list(addresses), "subject": "Order {{ number }}", "html": "<p>{{ number }}</p>"}
        return self.env["engine.message"]._submit(self.tenant_a, {**values, "data": {"number": 7}})

    def _emails(self):
        return sorted(one["to_email"] for one in self.mailwizz.emails.values())

    def _states(self, message):
        message.invalidate_recordset()
        message.recipient_ids.invalidate_recordset()
        return {one.email: one.state for one in message.recipient_ids}

    def test_from_the_call_to_what_mailwizz_says(self):
        with trap_jobs() as trap:
            message = self._submit("a@x.test", "b@x.test", "gone@x.test", "blocked-c@x.test")
            trap.assert_enqueued_job(self.transport._job_hand_over_message, args=(message,))
        self.assertEqual((message.title, message.subject), ("Order 7", "Order {{ number }}"))
        self.env["engine.suppression"]._suppress(self.tenant_a, ["gone@x.test"], "manual")
        self.transport._job_hand_over_message(message)
        self.transport._job_hand_over_message(message)
        self.assertEqual(self._emails(), ["a@x.test", "b@x.test"])
        states = {"a@x.test": "handing", "b@x.test": "handing", "gone@x.test": "suppressed"}
        self.assertEqual(self._states(message), {**states, "blocked-c@x.test": "refused"})
        first, second = self.mailwizz.emails.values()
        self.assertEqual((first["subject"], first["from_email"]), ("Order 7", "no-reply@alpha.test"))
        self.assertIn("<p>7</p>", first["body"])
        days = self.env["engine.ip.day"].search([("tenant_id", "=", self.tenant_a.id)])
        self.assertEqual((sum(days.mapped("sent")), sum(days.mapped("reserved"))), (3, 0))
        first["status"], second["status"] = "sent", "failed"
        self.run_cron("email_engine_campaign.ir_cron_follow_mailwizz")
        self.assertEqual(sorted(self._states(message).values()), ["refused", "refused", "sent", "suppressed"])

    def test_an_answer_that_was_lost_sends_nothing_twice(self):
        message, post = self._submit("a@x.test", "b@x.test"), self.mailwizz.post_emails

        def lose(mailwizz_, form):
            post(form)
            return 503, {"status": "error"}

        routes = [("POST", r"/transactional-emails", lose), *mailwizz.ROUTES]
        with patch.object(mailwizz, "ROUTES", routes), suppress(RetryableJobError):
            self.transport._job_hand_over_message(message)  # what it has written stays, as in a worker
            self.fail("it is to be run again")
        self.assertEqual(self._states(message), {"a@x.test": "queued", "b@x.test": "queued"})
        self.transport._job_hand_over_message(message)
        self.assertEqual(self._emails(), ["a@x.test", "b@x.test"])
        self.assertEqual(set(self._states(message).values()), {"handing"})

    def test_a_pause_holds_it_and_the_scheduled_action_takes_it_up(self):
        message = self._submit("a@x.test")
        stream = message.campaign_id
        stream.action_pause()
        self.assertEqual(self.transport._job_hand_over_message(message), "Paused")
        with trap_jobs() as trap:
            stream.action_resume()
            stream._take_up()
            trap.assert_enqueued_job(self.transport._job_hand_over_message, args=(message,))
        self.assertFalse(self.mailwizz.campaigns)
        self.tenant_a.mailwizz_key = False
        with self.assertRaisesRegex(UserError, "MailWizz"):
            self._submit("c@x.test")
