import os
from unittest.mock import patch

from odoo.exceptions import ValidationError
from odoo.tests import new_test_user, tagged
from odoo.tests.common import _super_send

from lokario_testing.environments import mailwizz, pmta_api
from odoo.addons.email_engine_bridge.exceptions import EngineRejected
from odoo.addons.email_engine_bridge.tests.common import EngineCase
from odoo.addons.lokario_base.tools.host_policy import HostPolicy

INSIDE = ("169.254.169.254", "10.0.0.1", "[::1]", "127.0.0.1:22", "[fec0::1]", "192.0.0.192", "0x7f.1", "localhost")


@tagged("post_install", "-at_install")
class TestDestinations(EngineCase):
    """A manager, not the administrator, gives addresses; nothing inside a network is called for him."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        groups = "email_engine_bridge.group_email_engine_bridge_manager"
        manager = new_test_user(cls.env, "mta", groups=groups)
        cls.tenant, cls.server = cls.tenant_a.with_user(manager), cls.tenant_a.server_id.with_user(manager)
        cls.server.sudo().company_id = cls.env.company
        cls.targets = cls.env["engine.webhook.target"].with_user(manager)

    @classmethod
    def _request_handler(cls, s, r, /, **options):
        """Let Odoo's tests see what the policy does with other names than this machine's; none of them resolves."""
        return _super_send(s, r, **options)

    def setUp(self):
        super().setUp()
        self.enterContext(patch.dict(os.environ, LOKARIO_DEVELOPMENT=""))

    def _attempts(self, url):
        yield lambda: self.targets.create({"url": url, "tenant_id": self.tenant.id})
        yield lambda: self.tenant.write({"mailwizz_url": url, "mailwizz_key": "key"})
        yield lambda: self.server.write({"api_url": url, "api_key": "key"})

    def _refuse(self, attempt, words):
        with self.assertRaisesRegex(ValidationError, words), self.env.cr.savepoint():
            attempt()

    def test_private_addresses_are_refused_when_saved(self):
        for host in INSIDE:
            for attempt in self._attempts(f"https://{host}/x"):
                self._refuse(attempt, "not a public address")
        for url in ("file:///etc/passwd", "ftp://x.test/", "https://", "https://u:p@x.test/", "https://x.test:0/"):
            for attempt in self._attempts(url):
                self._refuse(attempt, "https://")
        self.assertFalse(self.tenant.mailwizz_url or self.server.api_url or self.targets.search([]))

    def test_an_administrator_lists_private_hosts(self):
        self.env["res.config.settings"].create({"engine_allowed_hosts": "127.0.0.1:8080, 10.0.0.0/8"}).execute()
        for attempt in self._attempts("https://10.1.2.3:8443/x"):
            attempt()
        self.server.api_url = "http://127.0.0.1:8080"
        with self.assertRaisesRegex(ValidationError, "not a public address"):
            self.server.api_url = "http://127.0.0.1:8081"

    def test_what_moved_inside_later_is_not_called(self):
        """Saved while its name was public, or before there was a policy."""
        fake = mailwizz.FakeMailWizz("key")
        with mailwizz.serving(fake) as url, pmta_api.serving(pmta_api.FakeManagement("k" * 32)) as api_url:
            with patch.object(HostPolicy, "_accepts", return_value=True):
                self.tenant.write({"mailwizz_url": url, "mailwizz_key": "key"})
                self.server.write({"api_url": api_url, "api_key": "k" * 32})
            with self.assertRaisesRegex(EngineRejected, "not allowed"):
                self.tenant_a._get_mailwizz_client__().find_template("T")
            with self.assertRaisesRegex(EngineRejected, "administrator"):
                self.server.sudo()._get_pmta_client__().run("reload")
        self.assertFalse(fake.lists)

    def test_a_stored_webhook_inside_is_not_delivered(self):
        target = self.targets.create({"url": "https://x.test/hook", "tenant_id": self.tenant.id})
        delivery = self.env["engine.webhook.delivery"].create({"target_id": target.id, "message_id": "m", "body": "{}"})
        self.env.flush_all()
        self.env.cr.execute("UPDATE engine_webhook_target SET url = 'https://10.0.0.1/hook' WHERE id = %s", [target.id])
        self.env.invalidate_all()
        delivery._deliver()
        self.assertEqual(delivery.state, "pending")
        self.assertIn("not allowed", delivery.answer)
