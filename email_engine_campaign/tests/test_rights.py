"""Who may set what of campaigns, contacts and webhooks."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from odoo.addons.email_engine_bridge.tests.common import EngineCase

GROUP = "email_engine_bridge.group_email_engine_bridge_"


@tagged("post_install", "-at_install")
class TestRights(EngineCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.reader = new_test_user(cls.env, "engine-reader", f"{GROUP}user")
        cls.manager = new_test_user(cls.env, "engine-manager", f"{GROUP}manager")

    def test_no_secret_is_written_past_its_button(self):
        administrator = new_test_user(self.env, "engine-admin", f"base.group_system,{GROUP}manager")
        source = self.env["engine.webhook.source"].create({"name": "Source"})
        for user in (administrator, self.manager):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                source.with_user(user).write({"token_hash": False})

    def test_users_type_contacts(self):
        contacts = self.env["engine.contact"].with_user(self.reader)
        contact = contacts.create({"email": " Info@Client.test", "tenant_id": self.tenant_a.id})
        self.assertEqual((contact.email, contact.flag), ("info@client.test", "role"))
        contact.email = "marie@client.test"
        self.assertFalse(contact.flag)
        with self.assertRaises(AccessError):
            contact.flag = "role"


@tagged("post_install", "-at_install")
class TestReferences(EngineCase):
    def test_nothing_of_a_tenant_refers_to_or_moves_to_another_company(self):
        other = self.env["res.company"].create({"name": "Other SARL"})
        foreign = self._create_tenant("Gamma", "gamma", company_id=other.id, server_id=False)
        user = new_test_user(self.env, "engine-user", "email_engine_bridge.group_email_engine_bridge_user")
        templates = self.env["engine.template"].with_user(user)
        values = {"name": "T", "subject": "S", "html": "<p>x</p>", "tenant_id": self.tenant_a.id}
        template = templates.create(values)
        with self.assertRaises(UserError):
            template.tenant_id = foreign
        with self.assertRaises(UserError):
            templates.create({**values, "tenant_id": foreign.id})
        self.assertEqual(template.tenant_id, self.tenant_a)

    def test_no_caller_makes_the_target_of_a_click(self):
        user = new_test_user(self.env, "engine-user", "email_engine_bridge.group_email_engine_bridge_manager")
        with self.assertRaises(AccessError):
            self.env["engine.campaign.link"].with_user(user).create({"position": 0, "url": "javascript:alert(1)"})

    def test_keys_do_not_follow_to_another_address(self):
        manager = new_test_user(self.env, "engine-m", "email_engine_bridge.group_email_engine_bridge_manager")
        tenant = self.tenant_a.with_user(manager)
        tenant.write({"mailwizz_url": "https://mw.test/api", "mailwizz_key": "key"})
        tenant.mailwizz_url = "https://evil.test/api"
        self.assertIsNone(tenant._reveal_secret__("mailwizz_key"))
        target = self.env["engine.webhook.target"].with_user(manager)
        target = target.create({"url": "https://hook.test/", "tenant_id": self.tenant_a.id})
        before = target._reveal_secret__("signing_secret")
        target.url = "https://evil.test/"
        self.assertNotIn(target._reveal_secret__("signing_secret"), (before, None))
