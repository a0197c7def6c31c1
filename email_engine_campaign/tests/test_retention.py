from unittest.mock import patch

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from ..models import engine_campaign_recipient, engine_event
from .common import CampaignCommittedCase


@tagged("post_install", "-at_install")
class TestRetention(CampaignCommittedCase):
    """What is old goes a batch at a time: a run that is cut short has done a part, the next one goes on."""

    def _count(self, table):
        self.env.cr.execute(f"SELECT count(*) FROM {table}")  # pylint: disable=sql-injection
        return self.env.cr.fetchone()[0]

    def test_settings(self):
        settings = self.env["res.config.settings"]
        self.assertEqual(settings.create({}).engine_event_days, 90)
        for bad in ({"engine_event_days": -1}, {"engine_public_url": "links.example.com"}):
            with self.assertRaisesRegex(ValidationError, "numbers of days above 0|starts with https"):
                settings.create(bad)

    def test_events_go_by_age_in_batches_and_the_figures_stay(self):
        self.env["engine.event"].search([]).unlink()
        self.env.cr.execute(
            """INSERT INTO engine_event (key, type, time, tenant_id, rcpt)
               SELECT 'old' || n, 'd', now() AT TIME ZONE 'UTC' - interval '91 days', %(tenant)s, 'a@x.test'
                 FROM generate_series(1, 250) n
                UNION ALL
               SELECT 'ahead', 'd', now() AT TIME ZONE 'UTC' + interval '91 days', %(tenant)s, 'a@x.test'
                UNION ALL
               SELECT 'new' || n, 'd', now() AT TIME ZONE 'UTC' - interval '89 days', %(tenant)s, 'a@x.test'
                 FROM generate_series(1, 30) n""",
            {"tenant": self.tenant_a.id},
        )
        self.env["engine.stat.day"].sudo().create(
            {"day": "2026-01-01", "tenant_id": self.tenant_a.id, "delivered": 250}
        )
        purge = self.env["engine.event"]._gc_events
        with patch.object(engine_event, "PURGE_BATCH", 100):
            self.assertEqual([purge() for _call in range(4)], [(100, True), (100, True), (51, False), (0, False)])
        self.assertEqual(self._count("engine_event"), 30)
        self.assertEqual(self.env["engine.stat.day"]._totals([("tenant_id", "=", self.tenant_a.id)])["delivered"], 250)
        self.env["ir.config_parameter"].set_param("email_engine.event_days", "10")
        self.assertEqual(purge(), (30, False))

    def test_the_journal_of_old_campaigns_goes_that_of_running_ones_stays(self):
        self._add_contacts([f"p{number}@x.test" for number in range(25)])
        old, young, waiting = (self._create_campaign(name=name) for name in ("Old", "Young", "Waiting"))
        for campaign in old, young:
            campaign._send()
            self._run_chunks(campaign)
        self.env["engine.campaign.audience"]._populate(waiting)
        old.finished_at = "2025-01-01 00:00:00"
        self.env.flush_all()
        purge = self.env["engine.campaign.recipient"]._gc_journal
        with patch.object(engine_campaign_recipient, "PURGE_BATCH", 10):
            self.assertEqual([purge() for _call in range(3)], [(10, True), (10, True), (5, False)])
        self.env.invalidate_all()
        self.assertEqual([one.recipient_count for one in (old, young, waiting)], [0, 25, 25])
