import os
import time
from contextlib import suppress
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError, ValidationError
from odoo.tests import freeze_time, tagged

from odoo.addons.email_engine_bridge.exceptions import ApiProblem
from odoo.addons.email_engine_bridge.tools.campaign_sender import Addressee
from odoo.addons.email_engine_bridge.tools.smtp_feeder import Outcome
from odoo.addons.queue_job.exception import RetryableJobError
from odoo.addons.queue_job.tests.common import trap_jobs

from ..models import engine_campaign_audience, engine_transport_powermta
from ..tools.chunk_journal import MAX_ATTEMPTS, ChunkJournal
from .common import CampaignCommittedCase


@tagged("post_install", "-at_install")
class TestCampaign(CampaignCommittedCase):
    def test_from_list_to_figures(self):
        """Sent through the IP's VirtualMTA, accounted for, counted once, suppressed where due."""
        self._add_contacts(["a@x.test", "bounce-b@gmail.com", "spam-c@x.test", "info@x.test", "not an address"])
        campaign = self._create_campaign()
        answer = campaign._send()
        self.assertEqual(answer["total_recipients"], 4)
        self.assertEqual((answer["suppressed"], answer["ip_status"]), (1, "warming"))
        self.assertEqual(answer["quota_info"], {"daily_quota": 50, "sent_today_before": 0, "remaining_after": 46})
        self._run_chunks(campaign)
        self.assertEqual((campaign.state, campaign.sent_count), ("sent", 4))
        for _time in range(3):
            self._feed_back()
        self.assertEqual(
            self._states(campaign),
            {
                "a@x.test": "delivered",
                "bounce-b@gmail.com": "bounced",
                "spam-c@x.test": "bounced",
                "info@x.test": "delivered",
                "not an address": "invalid",
            },
        )
        suppressed = self.env["engine.suppression"].search([("tenant_id", "=", self.tenant_a.id)])
        self.assertEqual([(one.email, one.reason) for one in suppressed], [("bounce-b@gmail.com", "hard_bounce")])
        totals = self.env["engine.stat.day"]._totals([("campaign_id", "=", campaign.id)])
        self.assertEqual((totals["delivered"], totals["hard"], totals["block"]), (2, 1, 1))
        [day] = self.env["engine.ip.day"].search([("ip_id.address", "=", answer["ip_used"])])
        self.assertEqual((day.sent, day.delivered, day.bounced), (4, 2, 2))

    def test_split_over_ips_and_over_days(self):
        """120 people, 2 IPs of 50 a day: 100 today, 20 tomorrow, said beforehand."""
        self._add_contacts([f"p{number}@x.test" for number in range(120)])
        campaign = self._create_campaign()
        answer = campaign._send()
        self.assertEqual([one["emails"] for one in answer["allocations"]], [50, 50])
        self.assertEqual((answer["sent_today"], answer["sent_later"]), (100, 20))
        tomorrow = self.tenant_a._get_today() + timedelta(days=1)
        self.assertEqual(answer["fully_sent_on"], fields.Date.to_string(tomorrow))
        self.assertTrue(all("50" in one["reason"] for one in answer["allocations"]))
        self._run_chunks(campaign)
        self.assertEqual((campaign.state, campaign.sent_count, campaign.waiting_count), ("sending", 100, 20))
        self.assertEqual(campaign.later_count, 20)
        campaign._continue()
        self.assertEqual(self.env["engine.campaign.audience"]._count_waiting(campaign), 20)

    def test_no_quota_is_a_conflict_and_changes_nothing(self):
        self._add_contacts(["a@x.test"])
        (self.ip_a1 | self.ip_a2).status = "paused"
        campaign = self._create_campaign()
        with self.assertRaises(ApiProblem) as caught:
            campaign._send()
        self.assertEqual(caught.exception.extra["error"], "No IPs with sufficient quota")
        self.env.invalidate_all()
        self.assertEqual((campaign.state, campaign.recipient_count), ("draft", 0))

    def test_repeated_send_changes_nothing(self):
        self._add_contacts(["a@x.test"])
        campaign = self._create_campaign()
        answer = campaign._send("key-1")
        self._run_chunks(campaign)
        self.assertEqual(campaign._send("key-1"), answer)
        self.assertEqual(campaign._send(), answer)
        with self.assertRaises(ApiProblem):
            campaign._send("key-2")
        self.assertEqual(len(campaign.chunk_ids), 1)
        before = sum(self.mta.received.values())
        campaign.chunk_ids._job_send()
        self.assertEqual(sum(self.mta.received.values()), before)

    def test_pause_resume_cancel(self):
        self._add_contacts([f"q{number}@x.test" for number in range(30)])
        campaign = self._create_campaign()
        campaign.action_send()
        campaign.action_pause()
        self._run_chunks(campaign)
        self.assertEqual((campaign.sent_count, campaign.waiting_count), (0, 30))
        campaign.action_resume()
        self._run_chunks(campaign)
        self.assertEqual((campaign.state, campaign.sent_count), ("sent", 30))
        with self.assertRaisesRegex(UserError, "cannot become “Cancelled”"):
            campaign.action_cancel()
        later = self._create_campaign(scheduled_at=fields.Datetime.now() + timedelta(days=1))
        with self.assertRaisesRegex(UserError, "cannot become “Sending”"):
            later.action_resume()  # a draft: nothing of it is ready to go on
        later.action_schedule()
        later.action_pause()
        later.action_resume()
        self.assertEqual((later.state, bool(later.started_at)), ("scheduled", False))

    def test_a_slow_server_does_not_delay_the_pause(self):
        """The window ends when its time is over: who is left waits again, without an attempt counted."""
        self._add_contacts([f"slow{number}@x.test" for number in range(20)])
        campaign = self._create_campaign()
        campaign._send()
        chunk = campaign.chunk_ids
        self.mta.delay = 0.1
        with chunk._hold() as held, self.tenant_a._get_feeder__() as feeder:
            journal = ChunkJournal(self.env, chunk.id, held)
            rows, _refusal = chunk._take_window(journal, 20)
            sent = chunk._send_window(journal, chunk._get_sender(feeder), rows, time.monotonic() + 0.3)
        self.assertLess(sent, 10)
        self.assertEqual(sorted(self._states(campaign).values()), ["queued"] * (20 - sent) + ["sent"] * sent)
        self.assertEqual(sum(campaign.recipient_ids.mapped("attempts")), sent)
        self.mta.delay = 0
        self._run_chunks(campaign)
        self.assertEqual((campaign.state, set(self.mta.received.values())), ("sent", {1}))

    def test_an_outage_uses_up_nobodys_attempts(self):
        """However long the delivery server is away: who was not handed over waits, and the hour is not used up."""
        self._add_contacts(["a@x.test", "b@x.test"])
        campaign = self._create_campaign()
        campaign._send()
        port, self.tenant_a.delivery_port = self.tenant_a.delivery_port, 1
        for _hour in range(MAX_ATTEMPTS + 1):
            self._run_chunks_until_retry(campaign)
        self.assertEqual(set(self._states(campaign).values()), {"queued"})
        self.assertEqual((campaign.chunk_ids.handing_to, sum(campaign.recipient_ids.mapped("attempts"))), (0, 0))
        [day] = self.env["engine.ip.day"].search([("ip_id", "=", campaign.chunk_ids.ip_id.id)])
        self.assertEqual((day.hour_left, day.sent), (0, 0))
        self.tenant_a.delivery_port = port
        self._run_chunks(campaign)
        self.assertEqual((campaign.state, set(self.mta.received.values())), ("sent", {1}))

    def test_records_of_powermta_may_come_before_the_workers(self):
        """The receipt settles a message whose worker has not written its own line yet, or never will."""
        self._add_contacts(["a@x.test", "b@x.test"])
        campaign = self._create_campaign()
        campaign._send()
        chunk = campaign.chunk_ids
        with chunk._hold() as held, self.tenant_a._get_feeder__() as feeder:
            journal = ChunkJournal(self.env, chunk.id, held)
            [first], _refusal = chunk._take_window(journal, 1)
            [delivery] = chunk._get_sender(feeder).send([first])
            self._feed_back()
            journal.record([delivery._replace(outcome=Outcome.UNKNOWN)])
        self.assertEqual(self._states(campaign), {"a@x.test": "delivered", "b@x.test": "queued"})
        self.assertTrue(campaign.recipient_ids[0].handed_at)
        self._run_chunks(campaign)
        self.assertEqual((campaign.state, set(self.mta.received.values())), ("sent", {1}))

    def test_kill_switch_and_paused_ip(self):
        self._add_contacts([f"r{number}@x.test" for number in range(10)])
        campaign = self._create_campaign()
        campaign._send()
        self.tenant_a.action_stop()
        self._run_chunks(campaign)
        self.assertEqual(campaign.waiting_count, 10)
        self.tenant_a.action_allow()
        campaign.chunk_ids.ip_id.status = "paused"
        self._run_chunks(campaign)
        self.assertEqual(campaign.chunk_ids.mapped("state"), ["returned"])
        campaign._continue()
        self._run_chunks(campaign)
        self.assertEqual((campaign.state, campaign.sent_count), ("sent", 10))
        self.assertEqual(len(campaign.chunk_ids.ip_id), 2)

    def test_suppression_is_effective_for_the_next_chunk(self):
        self._add_contacts(["gone@x.test", "stays@x.test"])
        campaign = self._create_campaign()
        campaign._send()
        self.env["engine.suppression"]._suppress(self.tenant_a, ["Gone@x.test"], "unsubscribe")
        self._run_chunks(campaign)
        self.assertEqual(self._states(campaign), {"gone@x.test": "suppressed", "stays@x.test": "sent"})

    def test_who_may_be_written_to_is_asked_again_before_each_message(self):
        """Consent withdrawn or address broken since the campaign started: by PowerMTA and by MailWizz alike."""
        self._add_contacts(["withdrawn@x.test", "broken@x.test", "stays@x.test"])
        campaign, other = self._create_campaign(), self._create_campaign(name="Other")
        campaign._send()
        self.env["engine.campaign.audience"]._populate(other)
        part = self.env["engine.mailwizz.part"].create({"campaign_id": other.id, "variant": 0})
        self.env["engine.campaign.audience"]._assign_parts(other, part, 3)
        contacts = self.env["engine.contact"].search([("tenant_id", "=", self.tenant_a.id)])
        contacts.filtered(lambda one: one.email == "withdrawn@x.test").consent = "withdrawn"
        contacts.filtered(lambda one: one.email == "broken@x.test").email = "no address"
        self.env.flush_all()
        self._run_chunks(campaign)
        states = {"withdrawn@x.test": "suppressed", "broken@x.test": "invalid", "stays@x.test": "sent"}
        self.assertEqual(self._states(campaign), states)
        self.assertEqual(campaign.recipient_ids.sorted("email").mapped("answer")[-1], "withdrawn")
        self.assertEqual([email for _id, email, *_names in part._take_subscribers()], ["stays@x.test"])
        third = self._create_campaign(name="Third")
        self.env["engine.campaign.audience"]._populate(third)
        self.assertEqual(sorted(self._states(third).values()), ["invalid", "queued", "suppressed"])

    def test_a_window_of_suppressed_people_only_does_not_end_the_chunk(self):
        self._add_contacts([f"gone{number}@x.test" for number in range(3)] + ["stays@x.test"])
        campaign = self._create_campaign()
        campaign._send()
        gone = [f"gone{number}@x.test" for number in range(3)]
        self.env["engine.suppression"]._suppress(self.tenant_a, gone, "unsubscribe")
        with campaign.chunk_ids._hold() as held:
            journal = ChunkJournal(self.env, campaign.chunk_ids.id, held)
            rows, refusal = campaign.chunk_ids._take_window(journal, 1)
        self.assertEqual(([one.email for one in rows], refusal), (["stays@x.test"], None))
        self.assertEqual(self._states(campaign), {**dict.fromkeys(gone, "suppressed"), "stays@x.test": "queued"})

    def test_lost_answer_is_unknown_until_the_records_tell(self):
        """Both connections are lost: what they were lost with is in doubt, the rest is handed over by the next try."""
        lost = ("lost-b@x.test", "lost-c@x.test")
        self._add_contacts(["a@x.test", *lost, *(f"z{number}@x.test" for number in range(9))])
        campaign = self._create_campaign()
        campaign._send()
        self._run_chunks_until_retry(campaign)
        self.assertEqual({self._states(campaign)[one] for one in lost}, {"unknown"})
        self._run_chunks(campaign)
        campaign._continue()  # what was counted twice is reserved again
        self._run_chunks(campaign)
        self.assertEqual((campaign.state, {self._states(campaign)[one] for one in lost}), ("sent", {"unknown"}))
        self._feed_back()
        self.assertEqual({self._states(campaign)[one] for one in lost}, {"delivered"})
        self.assertEqual(set(self.mta.received.values()), {1})

    def _run_chunks_until_retry(self, campaign):
        """assertRaises would roll back; the worker's journal stays, as on its own transactions."""
        try:
            self._run_chunks(campaign)
        except RetryableJobError:
            return
        self.fail("the job did not ask to be tried again")

    def test_without_evidence_nothing_is_resent_with_proof_of_absence_it_is(self):
        self._add_contacts(["a@x.test", "b@x.test"])
        campaign = self._create_campaign()
        campaign._send()
        self._run_chunks(campaign)
        lost = campaign.recipient_ids[0]
        lost.sudo().write({"state": "unknown", "doubt_since": lost.handed_at})
        reconcile = self.env["engine.transport.powermta"]._reconcile
        self.assertEqual(reconcile(self.tenant_a), 0)
        self._event(self.tenant_a, "r", lost.handed_at + timedelta(seconds=599))
        self.assertEqual(reconcile(self.tenant_a), 0)
        self._event(self.tenant_a, "r", lost.handed_at + timedelta(seconds=601))
        self.assertEqual(reconcile(self.tenant_a), 1)
        self.assertEqual((lost.state, campaign.state), ("queued", "sending"))

    def _event(self, tenant, kind, time, **values):
        event = {"key": f"{kind}{time}", "type": kind, "time": time, "tenant_id": tenant.id, **values}
        self.env["engine.event"].sudo().create(event)
        self.env.flush_all()

    def test_worker_that_died_leaves_unknown_not_lost(self):
        self._add_contacts(["a@x.test", "b@x.test"])
        campaign = self._create_campaign()
        campaign._send()
        chunk = campaign.chunk_ids
        with chunk._hold() as held:
            rows, refusal = chunk._take_window(ChunkJournal(self.env, chunk.id, held), 1)
        self.assertEqual((len(rows), refusal), (1, None))
        self._run_chunks(campaign)
        self.assertEqual(sorted(self._states(campaign).values()), ["sent", "unknown"])

    def test_a_long_list_is_written_by_a_job_piece_by_piece(self):
        """The answer is counted; a worker that dies, or a contact that goes meanwhile, loses and doubles nobody."""
        self._add_contacts([f"p{number}@x.test" for number in range(9)])
        self.env["engine.suppression"]._suppress(self.tenant_a, ["p1@x.test"], "manual")
        self.ip_a1._set_quota_today(4, "Test")
        self.ip_a2._set_quota_today(2, "Test")
        campaign, audience = self._create_campaign(), self.env["engine.campaign.audience"]
        self.startPatcher(patch.object(engine_transport_powermta, "IN_REQUEST", 8))
        self.startPatcher(patch.object(engine_campaign_audience, "PIECE", 2))
        with trap_jobs() as trap:
            answer = campaign._send()
            trap.assert_enqueued_job(campaign._job_prepare)
        names = ("total_recipients", "sent_today", "sent_later", "suppressed")
        self.assertEqual([answer[name] for name in names], [8, 6, 2, 1])
        self.assertTrue(campaign.is_preparing)
        self._run_chunks(campaign)
        campaign._take_up()
        self.assertEqual((campaign.state, set(campaign.chunk_ids.mapped("state"))), ("sending", {"pending"}))
        write, turns = type(audience)._write_next, []

        def die(model, *args):
            turns.append(args)
            if len(turns) == 3:
                raise OSError("killed")
            return write(model, *args)

        with patch.object(type(audience), "_write_next", die), suppress(OSError):
            campaign._job_prepare()
        campaign.invalidate_recordset()
        self.assertEqual(campaign.recipient_count, 4)
        self.env["engine.contact"].search([("email", "=", "p7@x.test")]).unlink()
        campaign._job_prepare()
        campaign._job_prepare()
        campaign.invalidate_recordset()
        self.assertFalse(campaign.is_preparing)
        self.assertEqual((campaign.recipient_count, campaign.later_count), (8, 1))
        self._run_chunks(campaign)
        states = {f"p{number}@x.test": "sent" for number in (0, 2, 3, 4, 5, 6)}
        self.assertEqual(self._states(campaign), {**states, "p1@x.test": "suppressed", "p8@x.test": "queued"})
        self.assertEqual(len(self.mta.received), 6)

    def test_trial_goes_to_its_addresses_only_and_counts_in_the_quota(self):
        self._add_contacts(["a@x.test"])
        campaign = self._create_campaign()
        self.mta.messages = []
        wizard = self.env["engine.campaign.try"].with_context(active_id=campaign.id)
        with trap_jobs() as trap:
            wizard.create({"addresses": "Me@x.test, reject-you@x.test"}).action_send()
            trap.perform_enqueued_jobs()
        [message] = self.mta.messages
        self.assertIn(b"Subject: Bonjour Jean", message)
        self.assertRegex(message, rb"X-Job: trial-t\d+-c\d+-")
        self.assertIn("me@x.test: accepted", campaign.message_ids[0].body)
        self.assertIn("reject-you@x.test: refused", campaign.message_ids[0].body)
        self.assertEqual((campaign.state, campaign.recipient_count), ("draft", 0))
        days = self.env["engine.ip.day"].search([("tenant_id", "=", self.tenant_a.id)])
        self.assertEqual((sum(days.mapped("sent")), sum(days.mapped("reserved"))), (2, 0))
        for wrong in ("nobody", " , ", ",".join(f"a{number}@x.test" for number in range(11))):
            with self.assertRaisesRegex(UserError, "no address|one to ten addresses"):
                wizard.create({"addresses": wrong}).action_send()

    def test_ab_subjects_and_tracking(self):
        self._add_contacts([f"s{number}@x.test" for number in range(40)])
        with self.assertRaisesRegex(ValidationError, "^Subject B: line 1, column"):
            self._create_campaign(subject_b="Autre {{ first_name")
        campaign = self._create_campaign(subject_b="Autre {{ first_name }}", track_opens=True, track_clicks=True)
        campaign._send()
        self.assertEqual(set(campaign.recipient_ids.mapped("variant")), {0, 1})
        self.assertEqual(campaign.link_ids.mapped("url"), ["https://shop.test/a?b=1&c=2"])
        self.assertIn("{{ click_url }}0", campaign.content["html"])
        self._run_chunks(campaign)
        self.assertEqual(campaign.state, "sent")
        of_b = campaign.recipient_ids.filtered("variant")
        of_b[0]._record_engagement("open")
        rate = f"{100 / len(of_b):.1f}".replace(".", "[.,]")
        self.assertRegex(campaign.result_a, rf"^{40 - len(of_b)} \w+, 0 \w+ \(0[.,]0 %\), 0 ")
        self.assertRegex(campaign.result_b, rf"^{len(of_b)} \w+, 1 \w+ \({rate} %\), 0 ")

    def test_scheduled_campaign_starts_by_itself(self):
        self._add_contacts(["a@x.test"])
        campaign = self._create_campaign()
        with self.assertRaisesRegex(UserError, "Send on"):
            campaign.action_schedule()
        campaign.scheduled_at = fields.Datetime.now() - timedelta(minutes=1)
        campaign.action_schedule()
        self.run_cron("email_engine_campaign.ir_cron_continue_campaigns")
        self.assertEqual(campaign.state, "sending")

    def test_broken_template_and_foreign_list_are_refused(self):
        with self.assertRaisesRegex(ValidationError, "line 1, column"):
            self.template.html = "{{ 'A' * 10 ** 9 }}"
        other = self.env["engine.contact.list"].create({"name": "Theirs", "tenant_id": self.tenant_b.id})
        with self.assertRaisesRegex(ValidationError, "those of the campaign"):
            self._create_campaign(list_ids=other.ids)
        with self.assertRaisesRegex(ValidationError, "no domain of this tenant"):
            self._create_campaign(from_email="x@elsewhere.test")

    def test_links_to_this_machine_are_refused_in_production(self):
        """By the button, the trial and the schedule; nothing is reserved."""
        self._add_contacts(["a@x.test"])
        self.enterContext(patch.dict(os.environ, LOKARIO_DEVELOPMENT=""))
        parameters = self.env["ir.config_parameter"]
        campaign = self._create_campaign(scheduled_at=fields.Datetime.now())
        for url in ("http://localhost:8069", "http://127.0.0.1", "http://[::1]:80", "http://odoo.localhost", "odoo"):
            parameters.set_param("email_engine.public_url", url)
            for action in (
                campaign.action_send,
                campaign.action_schedule,
                lambda: self.env["engine.campaign.trial"]._send(campaign, ["a@x.test"], {}),
            ):
                with self.assertRaisesRegex(UserError, "Address of links in mails"):
                    action()
        self.assertFalse(self.env["engine.lease"].search([("tenant_id", "=", self.tenant_a.id)]))
        parameters.set_param("email_engine.public_url", "https://engine.example.com")
        campaign.action_send()
        self._run_chunks(campaign)
        self.assertEqual(campaign.state, "sent")

    def test_an_archived_ip_gets_back_what_it_did_not_send(self):
        self._add_contacts([f"u{number}@x.test" for number in range(3)])
        campaign = self._create_campaign()
        campaign._send()
        campaign.chunk_ids.ip_id.active = False
        self._run_chunks(campaign)
        self.assertEqual(campaign.chunk_ids.mapped("state"), ["returned"])
        campaign._continue()
        self._run_chunks(campaign)
        self.assertEqual((campaign.state, campaign.sent_count), ("sent", 3))

    def test_dates_in_a_message_are_the_tenants(self):
        self._add_contacts(["a@x.test"])
        self.template.subject = "[CURRENT_YEAR] {{ current_date }}"
        for zone, expected in (("Pacific/Auckland", "2026 01/01/2026"), ("America/New_York", "2025 31/12/2025")):
            self.tenant_a.tz = zone
            with freeze_time("2025-12-31 12:30:00"):
                campaign = self._create_campaign()
                sender = self.env["engine.campaign.trial"]._get_sender(campaign, self.ip_a1, None)
                [message] = sender.build([Addressee(1, "a@x.test", "A", "B", {}, 0)])
            self.assertIn(f"Subject: {expected}".encode(), message.data)

    def test_foreign_rows_change_nothing(self):
        """Rows of tenant A handed in by tenant B are counted as foreign."""
        self._add_contacts(["a@x.test"])
        campaign = self._create_campaign()
        campaign._send()
        self._run_chunks(campaign)
        summary = self._feed_back(self.tenant_b)
        self.assertEqual((summary["stored"], summary["foreign"]), (0, summary["received"]))
        self.assertEqual(campaign.delivered_count, 0)
