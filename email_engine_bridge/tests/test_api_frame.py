import json
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from odoo.addons.fastapi.pools import fastapi_app_pool

from .common import EngineHttpCase


@tagged("post_install", "-at_install")
class TestApiFrame(EngineHttpCase):
    def assertProblem(self, response, status):
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(response.headers["Content-Type"], "application/problem+json")
        document = response.json()
        self.assertEqual(document["status"], status)
        self.assertEqual(document["request_id"], response.headers["X-Request-ID"])
        return document

    def test_key_sees_its_tenants_only(self):
        response = self.api("/health")
        self.assertEqual(response.status_code, 200, response.text)
        self.assertEqual(response.json(), {"status": "ok", "tenants": self.tenant_a.ids})

    def test_one_app_answers_for_all_paths(self):
        """One for each path would cost a second and a megabyte for each record that a key asks for."""
        for number in range(3):
            self.api(f"/quotas/{self.tenant_a.id + number}")
            self.api(f"/nothing/{number}")
        self.assertEqual(list(fastapi_app_pool._queue_by_db_by_root_path[self.env.cr.dbname]), ["/api/v2"])

    def test_chatter_can_be_written_with_nothing_read_before(self):
        """Adding a domain writes a line, and for it Odoo reads the addresses of the company."""
        company = self.env.company.with_user(self.env.ref("email_engine_bridge.user_api"))
        company.invalidate_recordset()
        self.assertEqual(company.catchall_email, self.env.company.catchall_email)
        other = self.env["res.company"].create({"name": "Other"})
        self.assertFalse(company.search([("id", "=", other.id)]))

    def test_chatter_is_in_the_company_s_language(self):
        """The language of a call is that of its answers; people read what it did."""
        self.env.company.partner_id.lang = "fr_FR"
        body = {"tenant_id": self.tenant_a.id, "domain": "mail9.alpha.test", "ip": "192.0.2.99"}
        answer = self.api("/domains", data=json.dumps(body), headers={"Accept-Language": "en"})
        self.assertEqual(answer.status_code, 201, answer.text)
        ip = self.env["engine.ip"].browse(answer.json()["ip_id"])
        for record in (ip, ip.domain_id):
            self.assertIn("Création", record.message_ids[-1].body)

    def test_without_or_with_wrong_key_nothing(self):
        for token in ("", "lke_00000000_wrong"):
            document = self.assertProblem(self.api("/health", token=token), 401)
            self.assertIn("API key", document["detail"])

    def test_revoked_and_expired_keys_are_refused(self):
        key = self.env["engine.api.key"].create({"name": "Old", "tenant_ids": self.tenant_a.ids})
        token = key._issue_token()
        self.assertEqual(self.api("/health", token=token).status_code, 200)
        key.expires_at = fields.Datetime.now() - timedelta(seconds=1)
        self.assertProblem(self.api("/health", token=token), 401)
        key.write({"expires_at": False, "revoked": True})
        self.assertProblem(self.api("/health", token=token), 401)

    def test_token_is_not_stored(self):
        key = self.env["engine.api.key"].create({"name": "K", "tenant_ids": self.tenant_a.ids})
        token = key._issue_token()
        self.env.flush_all()
        self.env.cr.execute("SELECT k::text FROM engine_api_key k WHERE id = %s", (key.id,))
        self.assertNotIn(token.rpartition("_")[2], self.env.cr.fetchone()[0])
        self.assertTrue(token.startswith(key.key_index))

    def test_rate_limit_per_key(self):
        token = self._create_token(self.tenant_a, calls_per_minute=2)
        key = self.env["engine.api.key"].search([], order="id desc", limit=1)
        statuses = [self.api("/health", token=token).status_code for _call in range(5)]
        self.assertEqual(statuses[0], 200)
        self.assertEqual(set(statuses), {200, 429}, "also where a minute ends between two of these calls")
        key.invalidate_recordset()
        self.assertTrue(key.last_used_at)
        self.assertEqual(self.api("/health").status_code, 200)

    def test_any_language_header_is_taken(self):
        for header in (";", "fr;q=", "-+;", "a;b;c", "x" * 9000, "fr-FR;q=0.8, en"):
            response = self.api("/health", headers={"Accept-Language": header})
            self.assertEqual(response.status_code, 200, header[:20])

    def test_a_verb_that_a_path_does_not_know(self):
        response = self.api(f"/quotas/{self.tenant_a.id}/check")
        self.assertProblem(response, 405)
        self.assertEqual(response.headers["Allow"], "POST")

    def test_request_id_is_kept_and_unknown_route_is_a_problem(self):
        response = self.api("/health", headers={"X-Request-ID": "journey-0001"})
        self.assertEqual(response.headers["X-Request-ID"], "journey-0001")
        self.assertProblem(self.api("/no-such-thing"), 404)
        self.assertProblem(self.api("/no%0Asuch"), 404)
        self.assertProblem(self.api("/health", method="DELETE"), 405)
