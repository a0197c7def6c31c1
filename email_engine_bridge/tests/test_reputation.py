import os
from datetime import date, timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from lokario_testing.environments import reputation

from .common import EngineCommittedCase

SNDS = """192.0.2.1,2/16/2026 1:00 AM,2/16/2026 11:00 PM,900,880,850,GREEN,< 0.1%,,,0,mail1.alpha.test,n@alpha.test,
192.0.2.2,2/16/2026 1:00 AM,2/16/2026 11:00 PM,500,480,470,RED,2.4%,2/16/2026 3:00 AM,,3,mail2.alpha.test,,
203.0.113.9,2/16/2026 1:00 AM,2/16/2026 11:00 PM,5,4,4,YELLOW,0.3%,,,0,other.test,,
"""


@tagged("post_install", "-at_install")
class TestReputation(EngineCommittedCase):
    """What Gmail and Outlook.com say of us, asked over sockets as their documents describe it."""

    def setUp(self):
        super().setUp()
        self.feeds = reputation.FakeFeeds()
        url = self.enterContext(reputation.serving(self.feeds))
        for name, value in {
            "postmaster_url": url,
            "google_token_url": f"{url}/token",
            "snds_url": f"{url}/snds",
            "allowed_hosts": "127.0.0.1",
        }.items():
            self.env["ir.config_parameter"].set_param(f"email_engine_bridge.{name}", value)
        yesterday = fields.Date.today() - timedelta(days=1)
        self.day = (yesterday.year, yesterday.month, yesterday.day)
        self.feeds.stats = {
            "mail1.alpha.test": {self.day: {"spam": 0.0004, "spf": 1.0, "dkim": 0.995, "dmarc": 0.99, "errors": 0.02}},
            "mail2.alpha.test": {self.day: {"spam": 0.0045, "spf": 0.5}},
        }
        self.feeds.snds = SNDS

    def _fetch(self, tenants=None):
        self.run_cron("email_engine_bridge.ir_cron_fetch_reputation")
        found = self.env["engine.reputation"].search([("tenant_id", "in", (tenants or self.tenant_a).ids)])
        return {one.domain_id.name or one.ip_id.address: (one.source, one.level) for one in found}

    def test_gmail(self):
        self.tenant_a.google_account = self.feeds.account
        told = self._fetch()
        self.assertEqual(told, {"mail1.alpha.test": ("google", "good"), "mail2.alpha.test": ("google", "bad")})
        good = self.env["engine.reputation"].search([("level", "=", "good")])
        self.assertEqual((good.day, round(good.complaint_share, 3)), (date(*self.day), 0.04))
        self.assertEqual(good.details, "SPF 100%, DKIM 99.5%, DMARC 99%, 4xx/5xx 2%")
        alerts = self.env["engine.alert"].search([("tenant_id", "=", self.tenant_a.id)])
        self.assertIn("mail2.alpha.test", alerts.text)
        self.feeds.stats["mail2.alpha.test"][self.day]["spam"] = 0.002
        self.assertEqual(self._fetch()["mail2.alpha.test"], ("google", "watched"))
        self.assertEqual(len(self.env["engine.alert"].search([("tenant_id", "=", self.tenant_a.id)])), 1)

    def test_outlook_tells_of_our_own_ips_alone(self):
        self.tenant_a.snds_key = "secret-key"
        told = self._fetch()
        self.assertEqual(told, {"192.0.2.1": ("microsoft", "good"), "192.0.2.2": ("microsoft", "bad")})
        bad = self.env["engine.reputation"].search([("level", "=", "bad")])
        self.assertEqual(
            (bad.day, bad.complaint_share, bad.details), (date(2026, 2, 16), 2.4, "470 mails, 3 spam traps")
        )

    def test_what_fails_is_said_on_its_tenant_and_stops_no_other(self):
        self.tenant_a.write({"google_account": self.feeds.account, "snds_key": "wrong-key"})
        self.tenant_b.google_account = '{"client_email": "x"}'
        self.feeds.stats["mail1.beta.test"] = {self.day: {"spam": 0.0}}
        del self.feeds.stats["mail2.alpha.test"]
        self._fetch()
        self.assertIn("Postmaster Tools refuses (403)", self.tenant_a.reputation_problem)
        self.assertIn("SNDS refuses (400); is the key right?", self.tenant_a.reputation_problem)
        self.assertNotIn("wrong-key", self.tenant_a.reputation_problem)
        self.assertIn("JSON file of a Google service account", self.tenant_b.reputation_problem)
        self.tenant_b.google_account = self.feeds.account
        self.tenant_a.snds_key = "secret-key"
        self.feeds.fail_next = [503]
        self._fetch()
        self.assertIn("Postmaster Tools answered 503", self.tenant_a.reputation_problem)
        self.assertFalse(self.tenant_b.reputation_problem)
        self.assertEqual(len(self._fetch(self.tenant_a | self.tenant_b)), 3)

    def test_a_private_address_is_an_administrators_to_allow(self):
        self.env["ir.config_parameter"].set_param("email_engine_bridge.allowed_hosts", "")
        self.startPatcher(patch.dict(os.environ, {"LOKARIO_DEVELOPMENT": "0"}))
        self.tenant_a.write({"google_account": self.feeds.account, "snds_key": "secret-key"})
        self.assertEqual(self._fetch(), {})
        self.assertEqual(self.tenant_a.reputation_problem.count("has to allow this private address"), 2)

    def test_who_may_ask_and_see(self):
        self.tenant_a.snds_key = "secret-key"
        self.tenant_b.company_id = self.env["res.company"].create({"name": "Other"})
        user = new_test_user(self.env, "reads", groups="email_engine_bridge.group_email_engine_bridge_user")
        manager = new_test_user(self.env, "asks", groups="email_engine_bridge.group_email_engine_bridge_manager")
        with self.assertRaises(AccessError):
            self.tenant_a.with_user(user).action_fetch_reputation()
        with self.assertRaises(AccessError):
            self.tenant_b.with_user(manager).action_fetch_reputation()
        self.tenant_a.with_user(manager).action_fetch_reputation()
        self.assertEqual(len(self.env["engine.reputation"].with_user(user).search([])), 2)
