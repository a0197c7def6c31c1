import gzip
import json
import time

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from odoo.addons.lokario_base.tools import standard_webhooks
from odoo.addons.queue_job.tests.common import trap_jobs

from .common import CampaignHttpCase


@tagged("post_install", "-at_install")
class TestSendingApi(CampaignHttpCase):
    def call(self, path, body=None, status=200, **options):
        data = body if isinstance(body, str | bytes) or body is None else json.dumps(body)
        response = self.api(path, data=data, **options)
        self.assertEqual(response.status_code, status, response.text)
        return response.json()

    def test_journey(self):
        """Template, contacts, campaign, accounting back, figures: the document's calls in their order."""
        tenant = self.tenant_a.id
        template = self.call(
            "/templates",
            {"tenant_id": tenant, "name": "T", "subject": "Hello {{ first_name }}", "html": "<p>{{ city }}</p>"},
            status=201,
        )
        self.assertEqual(template["variables"], ["first_name", "city"])
        self.assertEqual(self.call(f"/templates/{tenant}")["total"], 2)
        summary = self.call(
            "/contacts/ingest",
            {"tenant_id": tenant, "lists": ["VIP"], "contacts": [{"email": "jean@x.test", "first_name": "Jean"}]},
        )
        self.assertEqual((summary["created"], summary["error_count"]), (1, 0))
        [contact] = self.call(f"/contacts/{tenant}")["items"]
        self.assertEqual((contact["email"], contact["lists"]), ("jean@x.test", ["VIP"]))
        campaign = self.call(
            "/campaigns",
            {"tenant_id": tenant, "name": "C", "template_id": template["id"], "lists": ["VIP"]},
            status=201,
        )
        path = f"/campaigns/{tenant}/{campaign['id']}"
        answer = self.call(f"{path}/send", "", method="POST")
        self.assertEqual(
            {key: answer[key] for key in ("success", "campaign_id", "total_recipients", "ip_status", "quota_info")},
            {
                "success": True,
                "campaign_id": campaign["id"],
                "total_recipients": 1,
                "ip_status": "warming",
                "quota_info": {"daily_quota": 50, "sent_today_before": 0, "remaining_after": 49},
            },
        )
        self._run_chunks(self.env["engine.campaign"].browse(campaign["id"]))
        token = self._create_source()._issue_token()
        body = self.accounting_file.read_bytes()
        self.assertEqual(self._post(f"/webhooks/powermta/{token}", body)["stored"], 2)
        self.assertEqual(self._post(f"/webhooks/powermta/{token}", gzip.compress(body))["repeated"], 2)
        self.assertEqual(self.call(path)["delivered"], 1)
        self.assertEqual(self.call(f"/stats/{tenant}/overview")["totals"]["delivered"], 1)
        performance = self.call(f"/stats/{tenant}/performance?days=30")
        self.assertEqual((len(performance["daily"]), performance["daily"][-1]["delivered"]), (30, 1))

    def test_refusals(self):
        tenant = self.tenant_a.id
        document = self.call(
            "/templates", {"tenant_id": tenant, "name": "B", "subject": "{{ a|x }}", "html": "h"}, status=422
        )
        self.assertIn("line 1, column 6", document["detail"])
        self.call("/templates", {"tenant_id": self.tenant_b.id, "name": "B", "subject": "s", "html": "h"}, status=404)
        self.call("/contacts/ingest", '{"email": "a@x.test"}', status=422)
        self.call(f"/contacts/ingest?tenant_id={self.tenant_b.id}", '{"email": "a@x.test"}', status=404)
        self.call(f"/contacts/ingest?tenant_id={tenant}", "[{]", status=422)
        self.call(f"/stats/{self.tenant_b.id}/overview", status=404)
        campaign = self._create_campaign()
        self.call(f"/campaigns/{self.tenant_b.id}/{campaign.id}/send", "", status=404, method="POST")
        (self.ip_a1 | self.ip_a2).write({"status": "paused"})
        self._add_contacts(["a@x.test"])
        document = self.call(f"/campaigns/{tenant}/{campaign.id}/send", "", status=409, method="POST")
        self.assertEqual((document["error"], document["success"]), ("No IPs with sufficient quota", False))
        self.assertIn("192.0.2.1: Paused", document["detail"])

    def test_the_dns_is_asked_in_a_job(self):
        """The name servers may be slow: the call answers at once, and twice is once."""
        domain = self.ip_a1.domain_id
        with trap_jobs() as trap:
            for _time in range(2):
                self.assertEqual(self.call(f"/domains/{domain.id}/check", "", method="POST")["dns_state"], "unknown")
            trap.assert_enqueued_job(domain.action_check_dns)
        self.call(f"/domains/{self.ip_b1.domain_id.id}/check", "", status=404, method="POST")

    def test_a_campaign_through_mailwizz(self):
        values = {"tenant_id": self.tenant_a.id, "name": "M", "template_id": self.template.id, "lists": ["News"]}
        campaign = self.call("/campaigns", {**values, "transport": "mailwizz", "subject_b": "B"}, status=201)
        self.assertEqual((campaign["transport"], campaign["state"]), ("mailwizz", "draft"))
        self.call("/campaigns", {**values, "transport": "pigeon"}, status=422)
        self._add_contacts(["a@x.test"])
        document = self.call(f"/campaigns/{self.tenant_a.id}/{campaign['id']}/send", "", status=422, method="POST")
        self.assertIn("MailWizz", document["detail"])

    def _create_source(self, **values):
        values = {"name": "Pipe", "tenant_id": self.tenant_a.id, **values}
        return self.env["engine.webhook.source"].create(values)

    def _post(self, path, body, status=200, headers=None):
        headers = {"Content-Type": "text/csv", **(headers or {})}
        response = self.url_open(f"/api/v2{path}", data=body, headers=headers, method="POST")
        self.assertEqual(response.status_code, status, response.text)
        return response.json()

    def test_webhook_signatures(self):
        secret = standard_webhooks.new_secret()
        self._create_source(signing_secret=secret)
        body = b"type,timeLogged,vmta\r\nd,2026-11-01 10:00:00+0000,t1-ip1\r\n"
        good = standard_webhooks.headers([secret], "msg_1", body)
        self.assertEqual(self._post("/webhooks/powermta", body, headers=good)["received"], 1)
        self._post("/webhooks/powermta", body, status=409, headers=good)
        self._post("/webhooks/powermta", body + b"x", status=401, headers=good)
        self._post("/webhooks/powermta", body, status=401)
        old = standard_webhooks.headers([secret], "msg_2", body, now=time.time() - 400)
        self._post("/webhooks/powermta", body, status=401, headers=old)
        self._post("/webhooks/mailwizz", body, status=401, headers=good)

    def test_webhook_tokens_addresses_and_limits(self):
        source = self._create_source(networks="192.0.2.0/24")
        token = source._issue_token()
        body = b"type,timeLogged\r\n"
        self._post(f"/webhooks/powermta/{token}", body, status=401)
        with self.assertRaisesRegex(ValidationError, "^Allowed addresses: “anywhere” is no address and no network"):
            source.networks = "192.0.2.1, anywhere"
        source.networks = "192.0.2.1, 127.0.0.0/8"
        self._post(f"/webhooks/powermta/{token}", body)
        self._post("/webhooks/powermta/wrong", body, status=401)
        bomb = gzip.compress(b"type,timeLogged\n" + b"\n" * 300_000_000)
        self._post(f"/webhooks/powermta/{token}", bomb, status=422)
        self._post(f"/webhooks/powermta/{token}", b"nonsense", status=422)
        source.active = False
        self._post(f"/webhooks/powermta/{token}", body, status=401)

    def test_mailwizz_opens_and_clicks(self):
        self._add_contacts(["jean@x.test"])
        campaign = self._create_campaign()
        campaign._send()
        self.env["engine.mailwizz.part"].create({"campaign_id": campaign.id, "variant": 0, "campaign_uid": "abc123"})
        token = self._create_source(kind="mailwizz")._issue_token()
        event = {
            "event": {"type": "campaign-open", "ip_address": "192.0.2.9", "date_added": "2026-11-01 10:00:00"},
            "timestamp": 1793527200,
            "subscriber": {"attributes": {"email": "Jean@x.test"}},
            "campaign": {"attributes": {"campaign_uid": "abc123"}},
        }
        click = {**event, "event": {**event["event"], "type": "campaign-click", "url": "https://a.test"}}
        path = f"/webhooks/mailwizz/{token}"
        self.assertEqual(self._post(path, json.dumps([event, click]))["stored"], 2)
        self.assertEqual(self._post(path, json.dumps(event))["repeated"], 1)
        self._post(path, json.dumps({"event": 1}), status=422)
        campaign.invalidate_recordset()
        self.assertEqual((campaign.opened_count, campaign.clicked_count), (1, 1))
