from datetime import datetime, timedelta

from odoo.tests import freeze_time, tagged

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
