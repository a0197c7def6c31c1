import json
import re

from odoo.tests import tagged

from ..tools.pmta_lint import lint
from .common import EngineHttpCase


@tagged("post_install", "-at_install")
class TestApiPowermta(EngineHttpCase):
    def test_download_is_a_linted_attachment(self):
        response = self.api("/powermta/config/download")
        self.assertEqual(response.status_code, 200, response.text)
        self.assertIn("attachment", response.headers["Content-Disposition"])
        self.assertTrue(response.headers["Content-Type"].startswith("text/plain"))
        self.assertEqual(lint(response.text), [])
        self.assertEqual(re.findall(r"max-smtp-msg-rate (\S+)", response.text), ["50/d", "50/d"])
        self.assertIn("<virtual-mta-pool alpha-pool>", response.text)
        self.assertNotIn("beta", response.text)
        self.assertEqual(self.api("/powermta/config/download").text, response.text)

    def test_config_follows_the_quota_of_the_day(self):
        self.ip_a1._set_quota_today(7, "A slow start")
        self.ip_a2._set_status("paused", "Too many bounces")
        self.env.flush_all()
        text = self.api(f"/powermta/config/{self.tenant_a.id}").text
        self.assertEqual(re.findall(r"max-smtp-msg-rate (\S+)", text), ["7/d"])
        self.assertIn("default-virtual-mta alpha-pool", text)

    def test_error_is_no_configuration(self):
        response = self.api("/powermta/config/download", token="wrong")
        self.assertEqual(response.status_code, 401)
        self.assertNotIn("virtual-mta", response.text)

    def test_vmta_and_mailwizz_of_the_document(self):
        self.tenant_a.write({"name": "SOS-Expat", "slug": "sos-expat", "from_name": "SOS Expat"})
        self.tenant_a.from_email = "no-reply@sos-expat.com"
        self.env.flush_all()
        vmta = self.api(f"/powermta/vmta/{self.tenant_a.id}").json()
        self.assertEqual(vmta["pool_name"], "sos-expat-pool")
        self.assertEqual((vmta["total_ips"], vmta["active_ips"], vmta["warming_ips"]), (2, 0, 2))
        self.assertEqual((vmta["delivery_server_host"], vmta["delivery_server_port"]), ("localhost", 25))
        self.assertEqual(vmta["ips"][0]["vmta_name"], "sos-expat-192.0.2.1")
        server = self.api(f"/powermta/mailwizz-delivery-server/{self.tenant_a.id}").json()
        document = {
            "name": "PowerMTA - SOS Expat",
            "type": "smtp",
            "host": "localhost",
            "port": 25,
            "protocol": "smtp",
            "from_email": "no-reply@sos-expat.com",
            "from_name": "SOS Expat",
        }
        self.assertEqual({name: server[name] for name in document}, document)
        self.assertIn({"name": "X-Virtual-MTA", "value": "sos-expat-pool"}, server["additional_headers"])

    def test_add_domain_then_read_its_key(self):
        body = {"tenant_id": self.tenant_a.id, "domain": "Mail9.Alpha.test", "ip": "192.0.2.9"}
        response = self.api("/domains", data=json.dumps(body))
        self.assertEqual(response.status_code, 201, response.text)
        answer = response.json()
        self.assertEqual((answer["domain"], answer["status"]), ("mail9.alpha.test", "provisioning"))
        self.assertIn("PTR", {record["type"] for record in answer["records"]})
        key = self.api("/powermta/dkim/mail9.alpha.test?selector=default").json()
        self.assertEqual([len(part) for part in key["record_strings"]], [255, 155])
        self.assertEqual("".join(key["record_strings"]), key["record"])
        self.assertEqual(
            key["powermta_directive"],
            "domain-key default, mail9.alpha.test, /etc/pmta/dkim/mail9.alpha.test.default.pem",
        )
        self.assertEqual(self.api("/powermta/dkim/mail9.alpha.test?selector=other").status_code, 404)
        self.assertEqual(self.api("/powermta/dkim/a%00b?selector=%00").status_code, 404)
        self.assertNotIn("PRIVATE", response.text)
        zone = self.api(f"/domains/{answer['domain_id']}/zone").text
        self.assertIn("default._domainkey.mail9.alpha.test.", zone)
        self.ip_a1.domain_id.checked_at = "2026-01-02 03:04:05"
        self.env.flush_all()
        items = self.api(f"/domains/{self.tenant_a.id}").json()["items"]
        self.assertEqual({item["checked_at"] for item in items}, {"2026-01-02T03:04:05Z", None})
        listed = self.api(f"/domains/{self.tenant_a.id}?page_size=2&page=2").json()
        self.assertEqual((listed["total"], len(listed["items"])), (3, 1))

    def test_a_domain_is_added_where_the_company_has_a_mail_domain(self):
        self.env.company.alias_domain_id = self.env["mail.alias.domain"].create({"name": "company.test"})
        self.env.flush_all()
        self.env.invalidate_all()
        body = {"tenant_id": self.tenant_a.id, "domain": "mail8.alpha.test", "ip": "192.0.2.8"}
        response = self.api("/domains", data=json.dumps(body))
        self.assertEqual(response.status_code, 201, response.text)

    def test_bad_domains_are_refused_naming_the_field(self):
        for domain, ip, word in (
            ("mail9.alpha.test", "not-an-ip", "IP address"),
            ("mail9", "192.0.2.9", "Domain"),
            ("bad name.test", "192.0.2.9", "Domain"),
            ("mail9.alpha.test", "192.0.2.1", "registered already"),
            ("mail1.beta.test", "192.0.2.9", "registered already"),
            ("mail9\x00.alpha.test", "192.0.2.9", "domain"),
            ("mail9.alpha.test", "192.0.2.9\x00", "ip"),
        ):
            body = {"tenant_id": self.tenant_a.id, "domain": domain, "ip": ip}
            response = self.api("/domains", data=json.dumps(body))
            self.assertEqual(response.status_code, 422, response.text)
            self.assertIn(word, response.text)

    def test_read_only_key_may_not_write(self):
        token = self._create_token(self.tenant_a, access="read")
        body = {"tenant_id": self.tenant_a.id, "domain": "mail9.alpha.test", "ip": "192.0.2.9"}
        self.assertEqual(self.api("/domains", token=token, data=json.dumps(body)).status_code, 403)
        self.assertEqual(self.api("/powermta/config/download", token=token).status_code, 200)

    def test_kumomta_has_the_same_quotas(self):
        files = self.api(f"/powermta/kumomta/{self.tenant_a.id}").json()
        self.assertEqual(sorted(files), ["dkim_data.toml", "shaping.toml", "sources.toml"])
        self.assertIn("50/day,max_burst=1", files["shaping.toml"])
