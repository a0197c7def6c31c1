"""Who may call what: keys, tokens and shared machines."""

from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import Form, HttpCase, new_test_user, tagged

from .common import EngineCase, EngineCommon

KEYS = ("action_create_pull_token", "action_generate")


@tagged("post_install", "-at_install")
class TestRights(EngineCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.tenant_a.server_id
        cls.other = cls.env["res.company"].create({"name": "Other SARL"})
        groups = {
            "portal": "base.group_portal",
            "plain": "base.group_user",
            "reader": "email_engine_bridge.group_email_engine_bridge_user",
            "manager": "email_engine_bridge.group_email_engine_bridge_manager",
        }
        cls.users = {name: new_test_user(cls.env, f"engine-{name}", group) for name, group in groups.items()}
        cls.stranger = new_test_user(
            cls.env,
            "engine-stranger",
            groups["manager"],
            company_id=cls.other.id,
            company_ids=[(6, 0, cls.other.ids)],
        )

    def test_only_managers_of_the_machine_get_its_keys(self):
        before = self.server.pull_token_hash
        for user in (self.users["portal"], self.users["plain"], self.users["reader"], self.stranger):
            for name in KEYS:
                with self.subTest(user=user.login, name=name), self.assertRaises(AccessError):
                    getattr(self.server.with_user(user), name)()
        self.assertEqual(self.server.pull_token_hash, before)
        self.server.with_user(self.users["manager"]).action_create_pull_token()
        self.assertIn("engine-manager", self.server.message_ids[0].body)

    def test_what_is_chosen_for_a_person_is_of_the_records_company(self):
        """A tenant without a server, an IP without a plan get one that their company may use."""
        servers, plans = self.env["engine.powermta.server"], self.env["engine.warmup.plan"]
        foreign = servers.create({"name": "First", "sequence": -9, "company_id": self.env.company.id})
        plans.create({"name": "First", "sequence": -9, "company_id": self.env.company.id})
        own = servers.create({"name": "Own", "sequence": 99, "company_id": self.other.id})
        tenants = self.env["engine.tenant"].with_user(self.stranger)
        values = {"name": "Elsewhere", "slug": "elsewhere", "from_name": "E", "from_email": "e@else.test"}
        tenant = tenants.create({**values, "company_id": self.other.id})
        self.assertIn(tenant.server_id, own | servers.search([("company_id", "=", False)]))
        ip = tenant._add_domain("mail1.else.test", "192.0.2.77")
        self.assertNotEqual(ip.plan_id.company_id, self.env.company)
        unnamed = self.env["engine.tenant"].create({**values, "slug": "both", "company_id": self.other.id})
        self.assertNotEqual(unnamed.server_id, foreign)

    def test_a_manager_of_one_company_adapts_a_plan_of_all(self):
        plans = self.env["engine.warmup.plan"].search([("company_id", "=", False)], limit=2)
        copies = plans.with_user(self.stranger).copy()
        self.assertEqual(copies.company_id, self.other)
        self.assertEqual([len(plan.stage_ids) for plan in copies], [len(plan.stage_ids) for plan in plans])
        self.assertFalse(plans.company_id)

    def test_what_all_companies_use_is_shown_and_not_offered_for_a_change(self):
        """The bin beside a stage, and every field, led to a refusal when the form was left."""
        plans = self.env["engine.warmup.plan"].with_user(self.stranger)
        shared = plans.search([("company_id", "=", False)], limit=1)
        with Form(shared) as form:
            with self.assertRaisesRegex(AssertionError, "readonly"):
                form.name = "Mine"
            with self.assertRaisesRegex(AssertionError, "not editable"):
                form.stage_ids.remove(0)
        with Form(shared.copy()) as form:
            form.stage_ids.remove(0)
        self.assertFalse([view for view in self._views_of(self.env.ref("base.user_admin")) if "not company_id" in view])
        provider = self._views_of(self.stranger, "engine.provider")[0]
        self.assertIn('readonly="True"', provider)

    def _views_of(self, user, model="engine.warmup.plan"):
        records = self.env[model].with_user(user)
        return [records.get_view(view_type=kind)["arch"] for kind in ("form", "list")]

    def test_no_secret_is_written_past_its_button(self):
        """The buttons ask who presses them; a hash that is written would be a key of one's own without that."""
        administrator = new_test_user(self.env, "engine-admin", "base.group_system")
        manager = self.users["manager"]
        key = self.env["engine.api.key"].create({"name": "Key", "tenant_ids": self.tenant_a.ids})
        forged = [(key, "key_hash"), (self.server, "pull_token_hash")]
        for user in (administrator, manager):
            user.group_ids |= self.env.ref("email_engine_bridge.group_email_engine_bridge_manager")
            for record, name in [*forged, (key, "revoked"), (key, "window_calls"), (self.tenant_a, "pool_name")]:
                with self.subTest(user=user.login, name=name), self.assertRaises(AccessError):
                    record.with_user(user).write({name: False})
        key.with_user(manager).action_revoke()
        self.assertTrue(key.revoked)

    def test_nobody_names_the_tenants_of_a_key_he_has_not(self):
        """The tenants of a key travel in the context, which every RPC call may fill."""
        group, tenants = "email_engine_bridge.group_email_engine_bridge_api", self.tenant_a.ids
        person = new_test_user(self.env, "engine-api-person", f"base.group_user,{group}")
        for user, seen in ((person, []), (self.env.ref("email_engine_bridge.user_api"), tenants)):
            visible = self.env["engine.tenant"].with_user(user).with_context(engine_tenant_ids=tuple(tenants))
            self.assertEqual(visible.search([("id", "in", tenants)]).ids, seen)

    def test_keys_do_not_follow_to_another_address(self):
        server = self.server.with_user(self.users["manager"])
        server.write({"api_url": "https://mta.test:8080", "api_key": "k" * 32})
        server.api_url = "https://evil.test:8080"
        self.assertIsNone(server._reveal_secret__("api_key"))

    def test_a_machine_of_all_companies_is_an_administrators(self):
        self.server.company_id = False
        printed = {"server_id": self.server.id, "number": 1, "content": "log-file /x", "digest": "1"}
        version = self.env["engine.config.version"].create(printed)
        for user in (self.users["manager"], self.stranger):
            server = self.server.with_user(user)
            self.assertTrue(server.has_access("read"))
            for attempt in (server.action_create_pull_token, lambda s=server: s.write({"api_url": "https://x.test"})):
                with self.assertRaises(AccessError):
                    attempt()
            self.assertFalse(version.with_user(user).has_access("read"))
            with self.assertRaises(AccessError):
                version.with_user(user).action_rollback()
        administrator = self.env.ref("base.user_admin")
        self.server.with_user(administrator).action_create_pull_token()

    def test_readers_of_domains_and_keys_make_none(self):
        domain = self.ip_a1.domain_id
        key = self.env["engine.dkim.key"].create({"domain_id": domain.id, "selector": "s9"})
        count = len(domain.dkim_key_ids)
        for name in ("action_rotate_dkim", "action_add_ed25519"):
            with self.assertRaises(AccessError):
                getattr(domain.with_user(self.users["reader"]), name)()
        with self.assertRaises(AccessError):
            key.with_user(self.users["reader"]).action_sign()
        self.assertEqual(len(domain.dkim_key_ids), count)


@tagged("post_install", "-at_install")
class TestIdentity(EngineCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.setUpEngine()

    def test_a_browser_confirms_its_identity_and_an_api_call_brings_it(self):
        manager = new_test_user(
            self.env,
            "engine-manager",
            "email_engine_bridge.group_email_engine_bridge_manager",
            password="engine-manager",
        )
        server = self.tenant_a.server_id
        self.authenticate("engine-manager", "engine-manager")
        answer = self.make_jsonrpc_request(
            "/web/dataset/call_button",
            {"model": server._name, "method": "action_create_pull_token", "args": [server.ids], "kwargs": {}},
        )
        self.assertEqual(answer["res_model"], "res.users.identitycheck")
        self.assertFalse(server.pull_token_hash)
        self.logout()
        keys = self.env["res.users.apikeys"].with_user(manager).sudo()
        key = keys._generate("rpc", "test", fields.Datetime.now() + timedelta(days=1))
        answer = self.url_open(
            "/json/2/engine.powermta.server/action_create_pull_token",
            json={"ids": server.ids},
            headers={"Authorization": f"Bearer {key}"},
        )
        self.assertTrue(answer.json()["context"]["shown_token"])
