import email
import email.policy
import re

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from odoo.addons.lokario_base.tools.private_page import HEADERS

from .common import CampaignHttpCase


@tagged("post_install", "-at_install")
class TestEngagement(CampaignHttpCase):
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
        return self.opener.get(url, allow_redirects=False, timeout=120, **options)

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
            answer = self.opener.post(url, allow_redirects=False, timeout=120, **encoding)
            self.assertEqual((answer.status_code, answer.text), (200, "OK"))
            self.assertNotIn("Location", answer.headers)
        self.assertEqual(self._suppressed(), ["jean@x.test"])
        self.campaign.invalidate_recordset()
        self.assertEqual(self.campaign.unsubscribed_count, 1)
        again = self._create_campaign(name="Next")
        self._add_contacts(["other@x.test"])
        self.env["engine.campaign.audience"]._populate(again)
        self.assertEqual(self._states(again), {"jean@x.test": "suppressed", "other@x.test": "queued"})

    def test_forged_tokens_change_nothing(self):
        url = re.findall(r"<(https?://[^>]+)>", self.message["List-Unsubscribe"])[0]
        other = self.tenant_a._get_addresses().token("open", self.recipient.id)
        head, _slash, token = url.rpartition("/")
        for forged in (token[:-1], token[::-1], other, "a" * 32, "1"):
            answer = self.opener.post(f"{head}/{forged}", data={"List-Unsubscribe": "One-Click"}, timeout=120)
            self.assertEqual(answer.status_code, 404)
        self.assertEqual(self._suppressed(), [])

    def test_opens_and_clicks_are_counted_once_and_lead_nowhere_else(self):
        html = self.message.get_body(("html",)).get_content()
        click = re.search(r'href=[\'"]([^\'"]*/engine/c/[^\'"]+)', html)[1]
        pixel = re.search(r'src="([^"]*/engine/o/[^"]+)', html)[1]
        for url in (pixel, click):  # where a link leads is asked without reading
            self.opener.head(url, allow_redirects=False, timeout=120)
        self.campaign.invalidate_recordset()
        self.assertEqual((self.campaign.opened_count, self.campaign.clicked_count), (0, 0))
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

    def _form_token(self, url):
        return {"form_token": re.search(r'name="form_token" value="([^"]+)"', self._get(url).text)[1]}

    def test_pages_behind_a_link_are_protected(self):
        url = re.findall(r"<(https?://[^>]+)>", self.message["List-Unsubscribe"])[0]
        for page in (url, url.replace("/u/", "/p/")):
            answer = self._get(page)
            self.assertRegex(
                answer.text, '^<!DOCTYPE html>\\s*<html lang="en', "a browser and a reader of screens know it"
            )
            for name, value in HEADERS.items():
                self.assertEqual(answer.headers[name], value, page)
            answer = self.opener.post(page, data={"list": "x" * 1_000_000}, timeout=120)
            self.assertEqual(answer.status_code, 413, page)
            for value in ("²", "1" * 5000, "\0", "a/../b"):
                data = {"list": value, "form_token": value}
                self.assertEqual(self.opener.post(page, data=data, timeout=120).status_code, 200, (page, value))
            self.assertEqual(self._get(page.rpartition("/")[0] + "/%00%ff").status_code, 404)

    def test_a_link_leads_to_the_web_alone(self):
        link = self.campaign.link_ids[:1]
        for target in ("javascript:alert(1)", "data:text/html,x", "//evil.test", "/web", "https:/x", " https://x.test"):
            with self.assertRaisesRegex(ValidationError, "begins with http"), self.env.cr.savepoint():
                link.url = target
                link.flush_recordset()
        self.env.cr.execute("UPDATE engine_campaign_link SET url = 'javascript:x' WHERE id = %s", (link.id,))
        link.invalidate_recordset()
        click = re.search(r'href=[\'"]([^\'"]*/engine/c/[^\'"]+)', self.message.get_body(("html",)).get_content())[1]
        self.assertEqual(self._get(click).status_code, 404)

    def test_preferences(self):
        url = re.findall(r"<(https?://[^>]+)>", self.message["List-Unsubscribe"])[0].replace("/u/", "/p/")
        self.assertIn("News", self._get(url).text)
        self.opener.post(url, data={"list": str(self.list.id), **self._form_token(url)}, timeout=120)
        self.assertEqual(self.recipient.contact_id.list_ids, self.list)
        form = self._form_token(url)
        self.opener.post(url, data={}, timeout=120)
        self.recipient.contact_id.invalidate_recordset()
        self.assertEqual(self.recipient.contact_id.list_ids, self.list, "no form, no change")
        self.opener.post(url, data=form, timeout=120)
        self.recipient.contact_id.invalidate_recordset()
        self.assertFalse(self.recipient.contact_id.list_ids)
        self.assertEqual(self._suppressed(), ["jean@x.test"])

    def test_a_list_that_is_offered_is_chosen_on_the_page(self):
        lists = self.env["engine.contact.list"]
        offered = lists.create({"name": "Offers", "tenant_id": self.tenant_a.id, "is_public": True})
        hidden = lists.create({"name": "Staff", "tenant_id": self.tenant_a.id})
        foreign = lists.create({"name": "Theirs", "tenant_id": self.tenant_b.id, "is_public": True})
        url = re.findall(r"<(https?://[^>]+)>", self.message["List-Unsubscribe"])[0].replace("/u/", "/p/")
        page = self._get(url).text
        self.assertEqual([name in page for name in ("News", "Offers", "Staff", "Theirs")], [True, True, False, False])
        ids = [str(one.id) for one in self.list | offered | hidden | foreign]
        self.opener.post(url, data={"list": ids, **self._form_token(url)}, timeout=120)
        contact = self.recipient.contact_id
        contact.invalidate_recordset()
        self.assertEqual(contact.list_ids, self.list | offered)
        self.assertEqual((contact.consent, contact.consent_source), ("given", "Chosen on the preferences page"))

    def test_the_message_as_a_page(self):
        """What this person got, in an origin of its own: a template's script reaches nothing of this site."""
        self.template.html = "<p>Hi {{ first_name }}</p><a href='{{ web_version_url }}'>web</a><script>x()</script>"
        self.template.subject = "Second"
        self._add_contacts(["zoe@x.test"])
        campaign = self._create_campaign(name="Web")
        self.mta.messages = []
        campaign._send()
        self._run_chunks(campaign)
        raw = (
            next(one for one in self.mta.messages if b"zoe@x.test" in one).replace(b"=\r\n", b"").replace(b"=3D", b"=")
        )
        url = re.search(r"http\S+/engine/w/[0-9a-f]{32}", raw.decode())[0]
        self.template.html = "<p>changed later</p>"
        page = self._get(url)
        self.assertIn("<p>Hi N0</p>", page.text)
        self.assertIn('name="viewport"', page.text, "readable on a phone")
        policies = page.headers["Content-Security-Policy"]
        self.assertIn("sandbox allow-popups", policies)
        self.assertNotIn("allow-scripts", policies)
        self.assertNotIn("allow-same-origin", policies)
        for name, value in HEADERS.items():
            self.assertIn(value, page.headers[name])
        self.assertEqual(self._get(url[:-32] + "0" * 32).status_code, 404)
        campaign.sudo().content = False
        self.assertEqual(self._get(url).status_code, 404)

    def test_who_has_left_is_told_so(self):
        [url] = re.findall(r"<(https?://[^>]+)>", self.message["List-Unsubscribe"])
        self.opener.post(url, timeout=120)
        again = self._get(url)
        self.assertIn("You are unsubscribed", again.text)
        self.assertNotIn("<form", again.text)
        preferences = self._get(url.replace("/engine/u/", "/engine/p/"))
        self.assertIn("You are unsubscribed", preferences.text)
        self.assertNotIn("Unsubscribe from everything", preferences.text)
        self.env["engine.suppression"].search([("email", "=", "jean@x.test")])._lift("asked for it")
        self.env.flush_all()
        self.assertIn("<form", self._get(url).text)
