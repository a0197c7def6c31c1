import json

from odoo.tests import tagged

from .common import EngineHttpCase


@tagged("post_install", "-at_install")
class TestApiQuotas(EngineHttpCase):
    """The document's answers: its names and types, the values of its scenarios."""

    def _set_stages(self):
        """Five IPs of tenant A, added one a week, in week 6."""
        for number in range(3, 6):
            self._create_ip(self.tenant_a, f"mail{number}.alpha.test", f"192.0.2.{number}")
        for stage, ip in zip((5, 4, 3, 2, 1), self.tenant_a.ip_ids, strict=True):
            ip.stage = stage
        self.env.flush_all()

    def test_capacity_of_the_document(self):
        self._set_stages()
        answer = self.api(f"/quotas/{self.tenant_a.id}").json()
        self.assertEqual(
            {name: value for name, value in answer.items() if name != "ips"},
            {
                "tenant_id": self.tenant_a.id,
                "total_ips": 5,
                "active_ips": 0,
                "warming_ips": 5,
                "total_daily_capacity": 17200,
                "remaining_today": 17200,
            },
        )
        week_5 = answer["ips"][1]
        self.assertEqual(
            week_5,
            {
                "ip_id": self.ip_a2.id,
                "ip_address": "192.0.2.2",
                "address": "192.0.2.2",
                "status": "warming",
                "phase": "week_5",
                "daily_quota": 5000,
                "sent_today": 0,
                "remaining": 5000,
            },
        )

    def test_scenario_1_a_new_ip_has_50(self):
        answer = self.api(f"/quotas/{self.tenant_b.id}", token=self.token_b).json()
        self.assertEqual((answer["ips"][0]["daily_quota"], answer["ips"][0]["remaining"]), (50, 50))
        self.assertEqual(answer["ips"][0]["phase"], "week_1")

    def test_scenario_3_check_with_curls_own_content_type(self):
        """`curl -d '{…}'` sends application/x-www-form-urlencoded."""
        url = f"/quotas/{self.tenant_a.id}/check"
        for content_type in ("application/x-www-form-urlencoded", "application/json", "text/plain"):
            response = self.api(url, data='{"emails_to_send":100}', headers={"Content-Type": content_type})
            self.assertEqual(response.status_code, 200, response.text)
            answer = response.json()
            self.assertIs(answer["can_send"], True)
            self.assertTrue(answer["message"].startswith("✅ Can send 100 emails"))
            self.assertEqual(answer["recommended_ip"]["remaining"], 50)
        answer = self.api(url, data='{"emails_to_send":101}').json()
        self.assertIs(answer["can_send"], False)

    def test_reserved_mails_count_as_sent_and_another_ip_is_recommended(self):
        self.quota._reserve(self.tenant_a, 30, ips=self.ip_a1)
        answer = self.api(f"/quotas/{self.tenant_a.id}/ip/{self.ip_a1.id}").json()
        self.assertEqual((answer["sent_today"], answer["remaining"]), (30, 20))
        answer = self.api(f"/quotas/{self.tenant_a.id}/check", data='{"emails_to_send": 60}').json()
        self.assertEqual(answer["recommended_ip"]["ip_id"], self.ip_a2.id)

    def test_a_stopped_ip_is_named(self):
        self.ip_a1._set_status("paused", "Too many bounces")
        answer = self.api(f"/quotas/{self.tenant_a.id}/check", data='{"emails_to_send": 60}').json()
        self.assertIs(answer["can_send"], False)
        self.assertEqual(answer["message"].partition("; ")[2], "192.0.2.1: Paused (Too many bounces)")

    def test_bad_bodies_are_explained(self):
        url = f"/quotas/{self.tenant_a.id}/check"
        twice = '{"emails_to_send": 1, "emails_to_send": 100}'
        response = self.api(url, data=twice)
        self.assertEqual(
            (response.status_code, response.json()["detail"]), (422, 'Two members are named "emails_to_send".')
        )
        for body in ("{}", '{"emails_to_send": 0}', '{"emails_to_send": "many"}', "no json", "[]"):
            response = self.api(url, data=body)
            self.assertEqual(response.status_code, 422, body)
            self.assertEqual(response.headers["Content-Type"], "application/problem+json")
            self.assertTrue(response.json()["errors"])

    def test_other_tenants_are_not_there(self):
        for path in (
            f"/quotas/{self.tenant_b.id}",
            f"/quotas/{self.tenant_a.id}/ip/{self.ip_b1.id}",
            f"/powermta/config/{self.tenant_b.id}",
            f"/powermta/vmta/{self.tenant_b.id}",
            f"/powermta/mailwizz-delivery-server/{self.tenant_b.id}",
            f"/domains/{self.tenant_b.id}",
            f"/domains/{self.ip_b1.domain_id.id}/zone",
            "/powermta/dkim/mail1.beta.test",
        ):
            self.assertEqual(self.api(path).status_code, 404, path)
        body = {"tenant_id": self.tenant_b.id, "domain": "x.beta.test", "ip": "192.0.2.99"}
        self.assertEqual(self.api("/domains", data=json.dumps(body)).status_code, 404)
