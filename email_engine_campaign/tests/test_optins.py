import json
import re
from datetime import timedelta

from odoo.tests import tagged

from odoo.addons.lokario_base.tools.private_page import HEADERS

from .common import CampaignHttpCase


@tagged("post_install", "-at_install")
class TestOptins(CampaignHttpCase):
    def setUp(self):
        super().setUp()
        self.env["ir.config_parameter"].set_param("email_engine.public_url", self.base_url())
        self.mta.messages = []

    def _ask(self, status=202, **body):
        body = {
            "tenant_id": self.tenant_a.id,
            "email": "Zoe@X.test",
            "lists": ["News"],
            "source": "Footer form",
            **body,
        }
        response = self.api("/opt-ins", data=json.dumps(body))
        self.assertEqual(response.status_code, status, response.text)
        for chunk in self.env["engine.campaign.chunk"].search([("state", "=", "pending")]):
            chunk._job_send()
        return response.json()

    def _read(self, optin, token=None, status=200):
        response = self.api(f"/opt-ins/{optin['id']}", token=token)
        self.assertEqual(response.status_code, status)
        return response.json()

    def _link(self):
        text = self.mta.messages[-1].replace(b"=\r\n", b"").replace(b"=3D", b"=").decode()
        return re.search(r"(http\S+/engine/d/[0-9a-f]{32})", text)[1]

    def _contact(self):
        return self.env["engine.contact"].search([("tenant_id", "=", self.tenant_a.id), ("email", "=", "zoe@x.test")])

    def test_the_owner_of_the_address_confirms(self):
        optin = self._ask(first_name="Zoé", requested_from="192.0.2.7")
        self.assertEqual((optin["state"], optin["email"]), ("pending", "zoe@x.test"))
        self.assertFalse(self._contact())
        link = self._link()
        page = self.opener.get(link, timeout=120)
        self.assertIn("News", page.text)
        for name, value in HEADERS.items():
            self.assertEqual(page.headers[name], value)
        self.assertFalse(self._contact(), "a program that follows links confirms nothing")
        self.assertIn("Thank you", self.opener.post(link, timeout=120).text)
        contact = self._contact()
        self.assertEqual((contact.first_name, contact.list_ids, contact.consent), ("Zoé", self.list, "given"))
        self.assertIn("Footer form", contact.consent_source)
        proof = self._read(optin)
        self.assertEqual((proof["state"], proof["requested_from"]), ("confirmed", "192.0.2.7"))
        self.assertTrue(proof["confirmed_at"] and proof["confirmed_from"] and proof["message_id"])
        self.opener.post(link, timeout=120)
        self.assertEqual(self._read(optin), proof, "a second time changes nothing")
        self._read(optin, token=self.token_b, status=404)

    def test_one_mail_a_day_however_often_it_is_asked(self):
        first, second = self._ask(), self._ask(source="Order page")
        self.assertEqual((first["id"], len(self.mta.messages)), (second["id"], 1))
        optin = self.env["engine.optin"].browse(first["id"]).sudo()
        self.assertEqual(optin.source, "Footer form", "whose mail it is that is confirmed")
        optin.asked_at -= timedelta(days=2)
        self._ask()
        self.assertEqual(len(self.mta.messages), 2)

    def test_old_and_forged_links_confirm_nothing(self):
        optin = self._ask()
        self.env["engine.optin"].browse(optin["id"]).sudo().asked_at -= timedelta(days=8)
        link = self._link()
        for url in (link, link[:-1] + ("0" if link[-1] != "0" else "1")):
            self.opener.post(url, timeout=120)
            self.assertFalse(self._contact())
        self.assertIn("too old", self.opener.get(link, timeout=120).text)
        self.assertEqual(self._read(optin)["state"], "expired")

    def test_what_cannot_be_asked(self):
        self._ask(status=422, email="zoe")
        self._ask(status=422, lists=["Nothing"])
        self._ask(status=404, tenant_id=self.tenant_b.id)
        self.env["engine.suppression"]._suppress(self.tenant_a, ["zoe@x.test"], "complaint")
        self._ask(status=409)
        self.assertEqual((self.env["engine.optin"].search_count([]), self.mta.messages), (0, []))

    def test_a_template_of_ones_own(self):
        template = self.template.copy({"name": "Ask", "html": "<p>{{ first_name }}: {{ confirm_url }}</p>"})
        self._ask(first_name="Zoe", template_id=template.id)
        self.assertIn(b"<p>Zoe: http", self.mta.messages[0].replace(b"=\r\n", b""))
        self.assertTrue(self._link())
