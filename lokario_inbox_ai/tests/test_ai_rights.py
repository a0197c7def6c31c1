"""What users may reach of the settings, decisions and keys of AI."""

from odoo.exceptions import AccessError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import new_test_user, tagged

from odoo.addons.lokario_inbox.tests.rights_common import MARKER, RightsCase

from .ai_common import AiCase


@tagged("post_install", "-at_install")
class TestAiRights(AiCase):
    def test_settings_are_the_managers(self):
        manager = new_test_user(self.env, "boss", groups="lokario_inbox.group_lokario_inbox_manager")
        user = new_test_user(self.env, "clerk", groups="lokario_inbox.group_lokario_inbox_user")
        settings = self.env["inbox.answer.settings"].with_user(manager).create({"inbox_undo_seconds": 25})
        self.assertEqual(self.company.inbox_undo_seconds, 25)
        settings.action_stop()
        self.assertTrue(self.company.inbox_ai_stopped)
        with self.assertRaises(AccessError):
            self.env["inbox.answer.settings"].with_user(user).create({"inbox_undo_seconds": 1})
        with self.assertRaises(AccessError):
            self.company.with_user(user).action_inbox_ai_stop()
        with self.assertRaises(AccessError):
            self.env["inbox.ai.decision"].with_user(user).create({})

    def test_a_neutralized_copy_asks_no_model(self):
        self.env.flush_all()
        for query in get_neutralization_queries(["lokario_inbox_ai"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.assertFalse(self.env["inbox.ai.provider"].search([]))
        self.assertFalse(self.env["inbox.ai.provider"].with_context(active_test=False).search([]).filtered("api_key"))


@tagged("post_install", "-at_install")
class TestAiSettings(RightsCase):
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

    def test_a_key_does_not_follow_the_ai_provider_to_another_address(self):
        provider = self.env["inbox.ai.provider"].with_user(self.manager)
        provider = provider.create({"name": "x", "base_url": "https://x.test/v1", "model_name": "m", "api_key": "sk"})
        provider.base_url = "https://evil.test/v1"
        self.assertFalse(provider.api_key)
        self.assertIsNone(provider._reveal_secret__("api_key"))

    def test_no_passage_is_proposed_from_private_mail(self):
        """Passages are read by everybody who answers for the company."""
        self.chief.group_ids |= self.env.ref("lokario_inbox.group_lokario_inbox_manager")
        text = "We deliver everywhere within three days, also to islands."
        for mailbox, seen in ((self.private, False), (self.shared, True)):
            for number in range(3):
                to = f"{mailbox.name}{number}@client.example"
                values = {"integration_id": mailbox.id, "email_to": to, "subject": "x", "body_html": f"<p>{text}</p>"}
                mail = self.env["inbox.outgoing"].create({**values, "author_id": self.chief.id})
                self.env.cr.execute("UPDATE inbox_outgoing SET state = 'sent' WHERE id = %s", [mail.id])
                mail.invalidate_recordset()
            blocks = self.env["inbox.answer.block"].with_user(self.chief)
            blocks.action_propose_from_sent()
            self.assertEqual(text in blocks.search([]).mapped("text"), seen, mailbox.name)

    def test_no_correction_of_private_mail_is_shown_to_others(self):
        folder = self.env["inbox.category"].create({"name": "Folder", "company_id": self.company_a.id})
        for thread, seen in ((self.thread, 1), (self.private_thread, 0)):
            thread.classified_by = "ai"
            thread.with_user(self.chief).write({"category_id": folder.id})
            examples = self.env["inbox.ai.example"].search([("conversation_id", "=", thread.id)])
            self.assertEqual(len(examples), seen)
        values = {"company_id": self.company_a.id, "category_id": folder.id, "text": MARKER}
        self.env["inbox.ai.example"].create({**values, "conversation_id": self.private_thread.id})
        self.assertNotIn(MARKER, self.env["inbox.ai.example"].with_user(self.user).search([]).mapped("text"))
        self.assertNotIn(MARKER, str(self.env["inbox.ai.example"]._for(self.company_a)))
