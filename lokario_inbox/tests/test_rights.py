"""What an ordinary user of one company cannot reach of another company's or person's mail."""

from odoo.exceptions import UserError
from odoo.tests import TransactionCase, new_test_user, tagged

USER = "lokario_inbox.group_lokario_inbox_user"
MANAGER = "lokario_inbox.group_lokario_inbox_manager"
MARKER = "TOPSECRET"


@tagged("post_install", "-at_install")
class TestRights(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company_a, cls.company_b = cls.env["res.company"].create([{"name": "Alpha"}, {"name": "Beta"}])
        cls.chief = cls._new_user("chief", cls.company_a)
        cls.user = cls._new_user("user", cls.company_a)
        cls.manager = cls._new_user("manager", cls.company_a, MANAGER)
        cls.shared = cls._new_mailbox("team", cls.company_a, cls.manager, "shared")
        cls.private = cls._new_mailbox("chief", cls.company_a, cls.chief, "private")
        cls.foreign = cls._new_mailbox("beta", cls.company_b, cls._new_user("beta", cls.company_b, MANAGER), "shared")
        cls.thread, cls.mail = cls._new_mail(cls.shared, "Order")
        cls.private_thread, cls.private_mail = cls._new_mail(cls.private, MARKER)
        cls.foreign_thread, cls.foreign_mail = cls._new_mail(cls.foreign, MARKER)

    @classmethod
    def _new_user(cls, name, company, group=USER):
        return new_test_user(cls.env, f"rights-{name}", group, company_id=company.id, company_ids=[(6, 0, company.ids)])

    @classmethod
    def _new_mailbox(cls, name, company, owner, visibility):
        return cls.env["inbox.integration"].create(
            {
                "name": name,
                "email_address": f"{name}@rights.test",
                "company_id": company.id,
                "user_id": owner.id,
                "visibility": visibility,
                "imap_host": "imap.rights.test",
                "email_password": "TEAM-PASS",
            }
        )

    @classmethod
    def _new_mail(cls, mailbox, subject):
        thread = cls.env["inbox.conversation"].create({"integration_id": mailbox.id, "subject": subject})
        mail = cls.env["inbox.message"].create(
            {
                "integration_id": mailbox.id,
                "company_id": mailbox.company_id.id,
                "owner_id": mailbox.owner_id.id,
                "conversation_id": thread.id,
                "identity": subject + mailbox.name,
                "subject": subject,
                "body_text": f"{subject} body",
                "from_address": "customer@x.test",
            }
        )
        return thread, mail

    def _refused(self, call):
        with self.assertRaises(UserError):
            call()

    def test_nobody_forwards_what_he_may_not_read(self):
        Outgoing = self.env["inbox.outgoing"].with_user(self.user)
        values = {"integration_id": self.shared.id, "kind": "forward", "email_to": "evil@x.test"}
        draft = Outgoing.create({**values, "parent_id": self.mail.id, "conversation_id": self.thread.id})
        for mail, thread in ((self.private_mail, self.private_thread), (self.foreign_mail, self.foreign_thread)):
            for given in ({"parent_id": mail.id}, {"conversation_id": thread.id}):
                with self.subTest(given=given):
                    self._refused(lambda given=given: Outgoing.create({**values, **given}))
                    self._refused(lambda given=given: draft.write(given))
                    defaults = {f"default_{name}": value for name, value in given.items()}
                    self._refused(lambda defaults=defaults: Outgoing.with_context(**defaults).create(values))
                    spec = {name: {"fields": {"display_name": {}}} for name in given}
                    self._refused(lambda given=given, spec=spec: Outgoing.onchange({**values, **given}, [], spec))

    def test_the_author_must_still_read_what_he_quotes(self):
        draft = self.env["inbox.outgoing"].create(
            {"integration_id": self.private.id, "parent_id": self.private_mail.id, "email_to": "x@x.test"}
        )
        draft.author_id = self.user
        draft.integration_id = self.shared
        self._refused(lambda: draft.with_user(self.user).action_send())

    def test_no_mailbox_moves_to_another_company_or_person(self):
        own = self.env["inbox.integration"].with_user(self.user)
        own = own.create({"name": "own", "email_address": "own@rights.test", "visibility": "shared"})
        self._refused(lambda: own.write({"company_id": self.company_b.id}))
        self._refused(lambda: own.write({"user_id": self.chief.id}))
        self._refused(lambda: own.copy({"company_id": self.company_b.id, "email_address": "c@rights.test"}))
        self.assertEqual((own.company_id, own.user_id), (self.company_a, self.user))
        own.with_user(self.manager).write({"user_id": self.chief.id})

    def test_a_customer_of_another_company_is_not_shown(self):
        partner = self.env["res.partner"].create(
            {"name": MARKER, "email": "beta-customer@x.test", "phone": "+33 1", "company_id": self.company_b.id}
        )
        thread = self.thread.with_user(self.user)
        self._refused(lambda: thread.inbox_update({"partner_id": partner.id}))
        self.env.cr.execute("UPDATE inbox_conversation SET partner_id = %s WHERE id = %s", [partner.id, thread.id])
        self.env.invalidate_all()
        self.assertNotIn(MARKER, str(thread.inbox_open()["customer"]))

    def test_no_subject_is_read_through_a_reference(self):
        values = {"integration_id": self.shared.id, "subject": "x"}
        conversations = self.env["inbox.conversation"].with_user(self.user)
        for target in (self.private_thread, self.foreign_thread):
            for name in ("claims_id", "merged_into_id"):
                self._refused(lambda name=name, target=target: conversations.create({**values, name: target.id}))
            thread = conversations.with_context(default_claims_id=target.id).create(values)
            self.assertFalse(thread.claims_id, "a default for the program's field is ignored")
            thread.sudo().claims_id = target
            self.assertNotIn(MARKER, str(thread.read(["claims_id"])))
            self.assertNotIn(MARKER, str(thread.web_read({"claims_id": {"fields": {"display_name": {}}}})))
        self.assertIn("Order", str(self.mail.with_user(self.user).read(["conversation_id"])))

    def test_a_portal_user_reads_no_setting_of_ours(self):
        self.company_a.inbox_ai_knowledge = MARKER
        portal = self._new_user("portal", self.company_a, "base.group_portal")
        company = self.company_a.with_user(portal)
        ours = set(self.env["ir.module.module"].search([("author", "=", "Lokario")]).mapped("name"))
        for model in ("res.company", "res.partner", "res.users"):
            open_fields = {
                name
                for name in self.env[model].with_user(portal).fields_get()
                if self.env[model]._fields[name]._module in ours
            }
            self.assertEqual(open_fields - {"deletion_scheduled_at", "inbox_integration_ids"}, set(), model)
        self._refused(lambda: company.read(["inbox_ai_knowledge"]))
        self._refused(lambda: self.company_a.with_user(self.user).read(["inbox_ai_knowledge"]))
        self.assertEqual(self.company_a.with_user(self.manager).inbox_ai_knowledge, MARKER)

    def test_a_company_takes_its_own_ai_provider_only(self):
        provider = self.env["inbox.ai.provider"].create(
            {"name": MARKER, "company_id": self.company_b.id, "base_url": "https://x.test/v1", "model_name": "m"}
        )
        settings = self.env["inbox.answer.settings"].with_user(self.manager)
        self._refused(lambda: settings.create({"inbox_ai_provider_id": provider.id}))
        self._refused(lambda: settings.create({}).write({"inbox_ai_provider_id": provider.id}))

    def test_a_password_does_not_follow_the_mailbox_to_another_server(self):
        for values in ({"imap_host": "evil.test"}, {"smtp_port": 2525}, {"imap_security": "none"}, {"login": "x"}):
            self.shared.sudo().email_password = "TEAM-PASS"
            self.shared.with_user(self.manager).write(values)
            self.assertFalse(self.shared.email_password, values)
        self.shared.with_user(self.manager).write({"imap_host": "new.test", "email_password": "typed"})
        self.assertEqual(self.shared._reveal_secret__("email_password"), "typed")

    def test_a_key_does_not_follow_the_ai_provider_to_another_address(self):
        provider = self.env["inbox.ai.provider"].with_user(self.manager)
        provider = provider.create({"name": "x", "base_url": "https://x.test/v1", "model_name": "m", "api_key": "sk"})
        provider.base_url = "https://evil.test/v1"
        self.assertFalse(provider.api_key)
        self.assertIsNone(provider._reveal_secret__("api_key"))

    def test_a_caller_sets_no_field_of_the_program(self):
        for model, values in (
            ("inbox.outgoing", {"integration_id": self.shared.id, "state": "sent"}),
            ("inbox.outgoing", {"integration_id": self.shared.id, "company_id": self.company_b.id}),
            ("inbox.conversation", {"integration_id": self.shared.id, "preview": "x"}),
        ):
            with self.assertRaises(UserError):
                self.env[model].with_user(self.user).create(values)
