from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from odoo.addons.email_engine_bridge import (
    MailWizzClient,
    PowerMTAConfigGenerator,
    QuotaChecker,
    TemplateRenderer,
    VMTASelector,
    WarmupEngine,
)

from ..tools.template_renderer import shared_sandbox
from .common import EngineCommittedCase


@tagged("post_install", "-at_install")
class TestQuota(EngineCommittedCase):
    def _used(self, ip):
        row = self.quota._read_today(ip.tenant_id, ip)[ip.id]
        return row["sent"], row["reserved"]

    def test_documented_calls(self):
        checker = QuotaChecker(self.env)
        ips = checker.get_available_ips_for_sending(tenant_id=self.tenant_a.id, emails_to_send=50)
        self.assertEqual(ips, self.ip_a1 + self.ip_a2)
        self.assertEqual(checker.get_available_ips_for_sending(self.ip_a1.tenant_id, 50), ips)
        self.assertTrue(checker.reserve_quota(self.ip_a1.id, 50))
        self.assertFalse(checker.reserve_quota(self.ip_a1.id, 1))
        ips = checker.get_available_ips_for_sending(self.tenant_a.id, 50)
        self.assertEqual(ips, self.ip_a2)
        self.assertFalse(checker.get_available_ips_for_sending(self.tenant_a.id, 51))
        selector = VMTASelector(self.env)
        self.assertEqual(selector.get_pool_name_for_tenant(self.tenant_a.id), "alpha-pool")
        config = selector.get_vmta_config_for_tenant(tenant_id=self.tenant_a.id)
        self.assertEqual(config["total_ips"], 2)
        document = {"pool_name", "total_ips", "active_ips", "warming_ips", "ips", "delivery_server_host"}
        self.assertLessEqual(document | {"delivery_server_port"}, config.keys())

    def test_documented_names(self):
        """All of them come from the addon's root."""
        self.addCleanup(lambda: shared_sandbox().close())
        self.assertIn("alpha-pool", PowerMTAConfigGenerator(self.env).generate_config(self.tenant_a.id))
        engine = WarmupEngine(self.env)
        self.assertEqual((engine.get_phase(self.ip_a1.id), engine.get_daily_quota(self.ip_a1.id)), ("week_1", 50))
        engine.consolidate(self.ip_a1.id)
        self.assertEqual(TemplateRenderer().render_subject("Hello {{ name }}", {"name": "Jean"}), "Hello Jean")
        self.assertTrue(MailWizzClient("https://mailwizz.test/api", "key"))

    def test_reservation_is_split_most_left_first(self):
        self.quota._reserve(self.tenant_a, 10, ips=self.ip_a1)
        grants = self.quota._reserve(self.tenant_a, 70)
        self.assertEqual(
            [(grant["ip_id"], grant["granted"]) for grant in grants],
            [(self.ip_a2.id, 50), (self.ip_a1.id, 20)],
        )
        self.assertEqual([grant["used_before"] for grant in grants], [0, 10])
        self.assertEqual([grant["remaining"] for grant in grants], [0, 20])

    def test_all_or_nothing_unless_partial(self):
        self.assertEqual(self.quota._reserve(self.tenant_a, 101), [])
        grants = self.quota._reserve(self.tenant_a, 101, partial=True)
        self.assertEqual(sum(grant["granted"] for grant in grants), 100)
        self.assertEqual(self.quota._reserve(self.tenant_a, 1, partial=True), [])

    def test_settle_release_and_double_settle(self):
        lease = self.quota._reserve(self.tenant_a, 30, ips=self.ip_a1)[0]["reservation"]
        self.assertTrue(self.quota._settle(lease, 10, close=False))
        self.assertEqual(self._used(self.ip_a1), (10, 20))
        self.assertFalse(self.quota._settle(lease, 21))
        self.assertTrue(self.quota._settle(lease, 5))
        self.assertEqual(self._used(self.ip_a1), (15, 0))
        self.assertFalse(self.quota._settle(lease, 1))
        self.assertFalse(self.quota._release(lease))
        other = self.quota._reserve(self.tenant_a, 35, ips=self.ip_a1)[0]["reservation"]
        self.assertTrue(self.quota._release(other))
        self.assertEqual(self._used(self.ip_a1), (15, 0))

    def test_leases_of_silent_workers_return(self):
        self.quota._reserve(self.tenant_a, 30, ips=self.ip_a1)
        lease = self.env["engine.lease"].search([("ip_id", "=", self.ip_a1.id)])
        lease.expires_at = fields.Datetime.now() - timedelta(seconds=1)
        self.run_cron("email_engine_bridge.ir_cron_return_leases")
        self.assertEqual(self._used(self.ip_a1), (0, 0))
        lease.invalidate_recordset()
        self.assertEqual(lease.state, "returned")

    def test_ips_that_may_not_send_are_neither_reserved_nor_recommended(self):
        """Archived or paused, also when the quota of the day was set by hand; they come back with it."""
        for values in ({"active": False}, {"status": "paused"}):
            for ip in (self.ip_a1, self.ip_b1):
                tenant = ip.tenant_id
                ip._set_quota_today(500, "test")
                self.assertEqual(tenant._check_quota(400)["recommended_ip"]["ip_id"], ip.id)
                ip.sudo().write(values)
                self.env.flush_all()
                self.assertEqual(self.quota._reserve(tenant, 400, ips=ip), [])
                self.assertNotIn(ip.id, [grant["ip_id"] for grant in self.quota._reserve(tenant, 1, partial=True)])
                answer = tenant._check_quota(400)
                self.assertFalse(answer["can_send"])
                self.assertNotEqual((answer["recommended_ip"] or {}).get("ip_id"), ip.id)
                self.assertNotIn(ip.id, [one["ip_id"] for one in tenant._get_capacity()["ips"] if one["remaining"]])
                self.assertFalse(QuotaChecker(self.env).get_available_ips_for_sending(tenant.id, 400))
                ip.sudo().write({"active": True, "status": "warming"})
                self.env.flush_all()
                self.assertEqual(tenant._check_quota(400)["recommended_ip"]["ip_id"], ip.id)

    def test_other_tenants_ips_and_stopped_ips_give_nothing(self):
        self.assertEqual(self.quota._reserve(self.tenant_a, 1, ips=self.ip_b1), [])
        self.ip_a1.status = "paused"
        self.assertEqual(self.quota._reserve(self.tenant_a, 1, ips=self.ip_a1), [])
