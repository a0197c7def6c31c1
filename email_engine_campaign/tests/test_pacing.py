from datetime import UTC, datetime, timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import freeze_time, new_test_user, tagged

from odoo.addons.queue_job.exception import RetryableJobError

from .common import CampaignCommittedCase

NOON = datetime(2026, 2, 16, 12, 10)
LAST_HOUR = datetime(2026, 2, 16, 23, 5)


@tagged("post_install", "-at_install")
class TestPacedSending(CampaignCommittedCase):
    def test_a_campaign_is_spread_over_the_hours(self):
        with freeze_time(NOON):
            self.ip_a1._set_quota_today(400, "Engaged list")
            self.ip_a2.status = "paused"
            self._add_contacts([f"p{number}@x.test" for number in range(120)])
            campaign = self._create_campaign()
            self.assertEqual(campaign._send()["sent_today"], 120)
            self._send_hour(campaign)
            self.assertEqual((len(self.mta.received), campaign.chunk_ids.state), (50, "pending"))
            self.assertIn("hour", campaign.chunk_ids.note)
            self._send_hour(campaign)
            self.assertEqual(len(self.mta.received), 50)
        with freeze_time(NOON + timedelta(hours=1)):
            self.quota._settle(campaign.chunk_ids.lease, 0, close=False)  # as the retried job did meanwhile
            self._send_hour(campaign)
            self.assertEqual(len(self.mta.received), 100)
        with freeze_time(NOON + timedelta(hours=2)):
            self._run_chunks(campaign)
        self.assertEqual((len(self.mta.received), campaign.state), (120, "sent"))

    def test_the_last_hour_of_the_day_and_tenants_in_a_hurry_wait_for_nothing(self):
        self._add_contacts([f"p{number}@x.test" for number in range(60)])
        self.ip_a2.status = "paused"
        with freeze_time(LAST_HOUR):
            self.ip_a1._set_quota_today(200, "Engaged list")
            self._send_all("Late", 60)
        with freeze_time(NOON + timedelta(days=1)):
            self.ip_a1._set_quota_today(200, "Engaged list")
            self.tenant_a.spread_over_day = False
            self._send_all("Soon", 120)

    def _send_all(self, name, received):
        campaign = self._create_campaign(name=name)
        campaign._send()
        self._run_chunks(campaign)
        self.assertEqual((campaign.state, len(self.mta.received)), ("sent", received))

    def _send_hour(self, campaign):
        """Run the job until it asks to be run again; its own transactions stay, as they do in a worker."""
        try:
            self._run_chunks(campaign)
        except RetryableJobError:
            campaign.invalidate_recordset()
        else:
            self.fail("The hour was not full.")
        campaign.chunk_ids.invalidate_recordset()


@tagged("post_install", "-at_install")
class TestThrottles(CampaignCommittedCase):
    """Deferrals in PowerMTA's records slow an IP down towards the provider that put its mail off, and no other."""

    ROW = "{kind},{time:%Y-%m-%d %H:%M:%S}+0000,news@alpha.test,{rcpt},{answer},{vmta},job\n"
    HEADER = "type,timeLogged,orig,rcpt,dsnAction,dsnStatus,dsnDiag,bounceCat,vmta,jobId\n"
    SLOW = "delayed,4.7.28,smtp;421 4.7.28 Our system has detected an unusual rate of unsolicited mail,policy-related"
    BUSY = "delayed,4.3.2,smtp;451 4.3.2 system not accepting network messages,other"
    TAKEN = "relayed,2.0.0,smtp;250 OK,"

    def _report(self, domain, count, answer, ip=None, first=0):
        ip, kind = ip or self.ip_a1, "d" if answer == self.TAKEN else "t"
        values = {
            "kind": kind,
            "answer": answer,
            "vmta": ip.vmta_name,
            "time": datetime.now(UTC) - timedelta(minutes=9),
        }
        rows = [self.ROW.format(rcpt=f"p{number}@{domain}", **values) for number in range(first, first + count)]
        self.env["engine.event.ingest"]._ingest(ip.tenant_id, [(self.HEADER + "".join(rows)).encode()])

    def _learn(self):
        self.env["engine.throttle"]._cron_learn()
        self.look_again()
        return self.env["engine.throttle"].search([])

    def test_learned_printed_heeded_and_over(self):
        self.ip_a1._set_quota_today(8000, "Test")
        for domain in ("gmail.com", "free.fr"):
            self._report(domain, 40, self.TAKEN)
        self._report("gmail.com", 20, self.SLOW, first=40)
        self._report("free.fr", 20, self.BUSY, first=40)
        self._report("gmail.com", 9, self.SLOW, ip=self.ip_a2)
        throttle = self._learn()
        self.assertEqual(throttle.reason_words, "reputation of the IP or domain")
        self.assertEqual((throttle.ip_id, throttle.provider_id.name, throttle.rate), (self.ip_a1, "gmail", 20))
        self.assertIn("gmail put off mail to 20 people in an hour and took 40", self.ip_a1.message_ids[0].body)
        text = self.tenant_a._render_config()
        [mta] = [block for block in text.split("<virtual-mta ")[1:] if block.startswith(f"{self.ip_a1.vmta_name}>")]
        self.assertRegex(mta, r"<domain \$gmail>\s+max-msg-rate 20/h")
        # 60 % of the IP's mail is Gmail's: 34 mails an hour hold 20 for it.
        self.assertEqual(self.ip_a1._get_hourly_cap(), 34)
        self.assertEqual(self._learn().rate, 20, "the same hour is judged once")
        throttle.sudo().learned_at -= timedelta(hours=1)
        self.assertEqual(self._learn().rate, 10)
        self.env["engine.event"].sudo().search([("tenant_id", "=", self.tenant_a.id)]).unlink()
        throttle.sudo().until = fields.Datetime.now()
        self.assertFalse(self._learn())
        self.assertIn("usual speed", self.ip_a1.message_ids[0].body)
        self.assertNotIn("$gmail>\n        max-msg-rate", self.tenant_a._render_config())

    def test_who_sees_and_lifts_it(self):
        self._report("gmail.com", 20, self.SLOW)
        self._report("gmail.com", 20, self.SLOW, ip=self.ip_b1)
        self._learn()
        self.tenant_b.company_id = self.env["res.company"].create({"name": "Other"})
        user = new_test_user(self.env, "throttles", groups="email_engine_bridge.group_email_engine_bridge_user")
        seen = self.env["engine.throttle"].with_user(user).search([])
        self.assertEqual(seen.ip_id, self.ip_a1)
        board = self.env["engine.deliverability"].with_user(user)
        self._report("gmail.com", 1, self.TAKEN, first=90)
        self.assertIn("192.0.2.1: 10 an hour", board.search([("provider", "=", "gmail")]).throttled)
        with self.assertRaises(AccessError):
            seen.action_lift()
        manager = new_test_user(self.env, "lifts", groups="email_engine_bridge.group_email_engine_bridge_manager")
        seen.with_user(manager).action_lift()
        self.assertFalse(seen.exists())
