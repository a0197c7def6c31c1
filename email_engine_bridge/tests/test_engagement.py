import email
import email.policy
import re

from odoo.tests import tagged

from .common import EngineHttpCase
from .common_campaigns import CampaignCommon


@tagged("post_install", "-at_install")
class TestEngagement(CampaignCommon, EngineHttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.setUpCampaigns()

    def setUp(self):
        super().setUp()
        self._add_contacts(["jean@x.test"])
        self.env["ir.config_parameter"].set_param("email_engine.public_url", self.base_url())
        self.campaign = self._create_campaign(track_opens=True, track_clicks=True)
        self.mta.messages = []
        self.campaign._send()
        self._run_chunks(self.campaign)
        raw = re.sub(rb"^\.\.", b".", self.mta.messages[0], flags=re.MULTILINE)
        self.message = email.message_from_bytes(raw, policy=email.policy.default)
        self.recipient = self.campaign.recipient_ids

    def _get(self, url, **options):
        return self.opener.get(url, allow_redirects=False, timeout=30, **options)

    def _suppressed(self):
        self.env["engine.suppression"].invalidate_model()
        return self.env["engine.suppression"].search([("tenant_id", "=", self.tenant_a.id)]).mapped("email")

    def test_robot_of_rfc_8058(self):
        """One https-able URI with an opaque token, POST without cookies unsubscribes, GET never does."""
        self.assertEqual(self.message["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click")
        [url] = re.findall(r"<(https?://[^>]+)>", self.message["List-Unsubscribe"])
        self.assertNotIn("jean", url)
        page = self._get(url)
        self.assertEqual((page.status_code, self._suppressed()), (200, []))
        self.assertIn("<form", page.text)
        self.opener.cookies.clear()
        for encoding in (
            {"data": {"List-Unsubscribe": "One-Click"}},
            {"files": {"List-Unsubscribe": (None, "One-Click")}},
        ):
            answer = self.opener.post(url, allow_redirects=False, timeout=30, **encoding)
            self.assertEqual((answer.status_code, answer.text), (200, "OK"))
            self.assertNotIn("Location", answer.headers)
        self.assertEqual(self._suppressed(), ["jean@x.test"])
        self.campaign.invalidate_recordset()
        self.assertEqual(self.campaign.unsubscribed_count, 1)
        again = self._create_campaign(name="Next")
        self._add_contacts(["other@x.test"])
        again._populate()
        self.assertEqual(self._states(again), {"jean@x.test": "suppressed", "other@x.test": "queued"})

    def test_forged_tokens_change_nothing(self):
        url = re.findall(r"<(https?://[^>]+)>", self.message["List-Unsubscribe"])[0]
        other = self.tenant_a._get_addresses().token("open", self.recipient.id)
        head, _slash, token = url.rpartition("/")
        for forged in (token[:-1], token[::-1], other, "a" * 32, "1"):
            answer = self.opener.post(f"{head}/{forged}", data={"List-Unsubscribe": "One-Click"}, timeout=30)
            self.assertEqual(answer.status_code, 404)
        self.assertEqual(self._suppressed(), [])

    def test_opens_and_clicks_are_counted_once_and_lead_nowhere_else(self):
        html = self.message.get_body(("html",)).get_content()
        click = re.search(r'href=[\'"]([^\'"]*/engine/c/[^\'"]+)', html)[1]
        pixel = re.search(r'src="([^"]*/engine/o/[^"]+)', html)[1]
        for _time in range(2):
            self.assertEqual(self._get(pixel).headers["Content-Type"], "image/gif")
            answer = self._get(click)
            self.assertEqual((answer.status_code, answer.headers["Location"]), (302, "https://shop.test/a?b=1&c=2"))
        self.assertEqual(self._get(click.rpartition("/")[0] + "/7").status_code, 404)
        self.campaign.invalidate_recordset()
        self.campaign.link_ids.invalidate_recordset()
        self.assertEqual((self.campaign.opened_count, self.campaign.clicked_count), (1, 1))
        self.assertEqual(self.campaign.link_ids.clicks, 1)
        totals = self.env["engine.stat.day"]._totals([("campaign_id", "=", self.campaign.id)])
        self.assertEqual((totals["opened"], totals["clicked"]), (1, 1))

    def test_engagement_without_naming_anybody(self):
        """Counted once in the figures; neither the journal nor the events tell whose it was."""
        self.tenant_a.engagement_privacy = "anonymous"
        html = self.message.get_body(("html",)).get_content()
        for pattern in (r'href=[\'"]([^\'"]*/engine/c/[^\'"]+)', r'src="([^"]*/engine/o/[^"]+)'):
            for _time in range(2):
                self._get(re.search(pattern, html)[1])
        self.env.invalidate_all()
        totals = self.env["engine.stat.day"]._totals([("campaign_id", "=", self.campaign.id)])
        self.assertEqual((totals["opened"], totals["clicked"], self.campaign.link_ids.clicks), (1, 1, 1))
        self.assertEqual((self.campaign.opened_count, self.campaign.clicked_count), (0, 0))
        events = self.env["engine.event"].search([("campaign_id", "=", self.campaign.id)])
        self.assertEqual(sorted(events.mapped("type")), ["click", "open"])
        self.assertEqual([one for event in events for one in (event.rcpt, event.recipient_id) if one], [])
        self.assertFalse([event.key for event in events if event.key.startswith(("open-", "click-"))])

    def test_preferences(self):
        url = re.findall(r"<(https?://[^>]+)>", self.message["List-Unsubscribe"])[0].replace("/u/", "/p/")
        self.assertIn("News", self._get(url).text)
        self.opener.post(url, data={"list": str(self.list.id)}, timeout=30)
        self.assertEqual(self.recipient.contact_id.list_ids, self.list)
        self.opener.post(url, data={}, timeout=30)
        self.recipient.contact_id.invalidate_recordset()
        self.assertFalse(self.recipient.contact_id.list_ids)
        self.assertEqual(self._suppressed(), ["jean@x.test"])
