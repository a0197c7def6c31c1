"""Who may set what of campaigns, contacts and webhooks."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from odoo.addons.email_engine_bridge.tests.common import EngineCase

from .common import CampaignCommittedCase

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

    def test_a_trial_names_no_campaign_of_another_company(self):
        other = self.env["res.company"].create({"name": "Other SARL"})
        foreign = self._create_tenant("Gamma", "gamma", company_id=other.id, server_id=False)
        template = {"name": "T", "subject": "S", "html": "<p>x</p>", "tenant_id": foreign.id}
        values = {
            "name": "SECRET",
            "tenant_id": foreign.id,
            "template_id": self.env["engine.template"].create(template).id,
        }
        campaign = self.env["engine.campaign"].create(values)
        user = new_test_user(self.env, "engine-user", "email_engine_bridge.group_email_engine_bridge_user")
        trials = self.env["engine.campaign.try"].with_user(user)
        with self.assertRaises(UserError):
            trials.with_context(active_id=campaign.id).create({"addresses": "x@x.test"})

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


@tagged("post_install", "-at_install")
class TestMachineFields(CampaignCommittedCase):
    """States, counters, moments and hashes are the program's: nobody who may write a record writes them."""

    @classmethod
    def setUpPeople(cls):
        cls.users = cls.env["res.users"]
        for role in ("user", "manager"):
            cls.users |= new_test_user(cls.env, f"engine-{role}", f"{GROUP}{role}")

    def _get_records(self):
        self._add_contacts(["a@x.test"])
        campaign = self._create_campaign()
        campaign._send()
        target = self.env["engine.webhook.target"].create({"url": "https://x.test/", "tenant_id": self.tenant_a.id})
        delivery = self.env["engine.webhook.delivery"].create({"target_id": target.id, "message_id": "1", "body": "{}"})
        key = self.env["engine.dkim.key"].create({"domain_id": self.ip_a1.domain_id.id, "selector": "s9"})
        return {
            campaign: ("state", "started_at", "finished_at", "content", "send_answer", "idempotency_key"),
            campaign.chunk_ids: ("state", "size", "lease", "handing_to", "handed_at"),
            campaign.recipient_ids: ("state", "attempts", "answer"),
            self.template: ("version",),
            target: ("last_event_id", "horizon_id"),
            delivery: ("state", "attempts", "body", "next_try_at"),
            key: ("state", "record", "overlap_until"),
            self.ip_a1: ("status", "stage", "health", "consolidated_on"),
            self.ip_a1.domain_id: ("checked_at",),
            self.env["engine.webhook.source"].create({"name": "Pipe"}): ("token_hash", "received_count"),
            self.env["engine.api.key"].create({"name": "K", "tenant_ids": self.tenant_a.ids}): ("key_hash", "revoked"),
        }

    def test_no_caller_writes_what_the_program_writes(self):
        for record, names in self._get_records().items():
            machine = {name for name, field in record._fields.items() if record._is_machine_field(field)}
            for user in self.users:
                for name in machine.union(names):
                    with (
                        self.subTest(record._name, name=name, user=user.login),
                        self.assertRaises(UserError),
                        self.env.cr.savepoint(),
                    ):
                        record.with_user(user).write({name: record[name]})

    def test_no_caller_makes_a_record_in_another_state(self):
        campaign = {"name": "C", "tenant_id": self.tenant_a.id, "template_id": self.template.id}
        target = {"url": "https://x.test/", "tenant_id": self.tenant_a.id}
        key = {"domain_id": self.ip_a1.domain_id.id, "selector": "s8"}
        for model, values, forged in (
            ("engine.campaign", campaign, {"state": "sent"}),
            ("engine.campaign", campaign, {"send_answer": {"success": True}}),
            ("engine.webhook.target", target, {"last_event_id": 0}),
            ("engine.dkim.key", key, {"state": "active"}),
            ("engine.dkim.key", key, {"record": "v=DKIM1; p=AAAA"}),
        ):
            records = self.env[model].with_user(self.users[1])
            with self.subTest(model, **forged), self.assertRaises(AccessError), self.env.cr.savepoint():
                records.create({**values, **forged})
            self.assertTrue(records.create(values).exists())
            records.search([]).filtered(lambda one: one.create_uid == self.users[1]).unlink()
