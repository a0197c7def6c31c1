"""What an ordinary user of one company cannot reach of another company's or person's mail."""

from odoo.exceptions import UserError
from odoo.tests import tagged

from .rights_common import MARKER, RightsCase


@tagged("post_install", "-at_install")
class TestRights(RightsCase):
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

    def test_rules_of_a_private_mailbox_are_its_owners(self):
        """Whom somebody files away, and where to, is private as his mail is."""
        rules = self.env["inbox.rule"].create(
            [
                {
                    "name": f"{MARKER} {mailbox.name or 'all'}",
                    "company_id": self.company_a.id,
                    "integration_id": mailbox.id,
                    "condition_ids": [(0, 0, {"field": "subject", "operator": "contains", "value": MARKER})],
                    "set_urgent": True,
                }
                for mailbox in (self.private, self.shared, self.shared.browse())
            ]
        )
        for user, seen in ((self.user, rules[1:]), (self.manager, rules[1:]), (self.chief, rules)):
            self.assertEqual(self.env["inbox.rule"].with_user(user).search([("id", "in", rules.ids)]), seen)
            conditions = self.env["inbox.rule.condition"].with_user(user).search([("value", "=", MARKER)])
            self.assertEqual(conditions.sudo().rule_id, seen)
        self.thread.sudo().rule_id = rules[0]
        self.assertNotIn(MARKER, str(self.thread.with_user(self.user).read(["rule_id"])))

    def test_no_subject_is_read_through_a_reference(self):
        values = {"integration_id": self.shared.id, "subject": "x"}
        conversations = self.env["inbox.conversation"].with_user(self.user)
        for target in (self.private_thread, self.foreign_thread):
            for name in ("suspected_thread_id", "merged_into_id"):
                self._refused(lambda name=name, target=target: conversations.create({**values, name: target.id}))
            thread = conversations.with_context(default_suspected_thread_id=target.id).create(values)
            self.assertFalse(thread.suspected_thread_id, "a default for the program's field is ignored")
            thread.sudo().suspected_thread_id = target
            self.assertNotIn(MARKER, str(thread.read(["suspected_thread_id"])))
            self.assertNotIn(MARKER, str(thread.web_read({"suspected_thread_id": {"fields": {"display_name": {}}}})))
        self.assertIn("Order", str(self.mail.with_user(self.user).read(["conversation_id"])))

    def test_a_password_does_not_follow_the_mailbox_to_another_server(self):
        for values in ({"imap_host": "evil.test"}, {"smtp_port": 2525}, {"imap_security": "none"}, {"login": "x"}):
            self.shared.sudo().email_password = "TEAM-PASS"
            self.shared.with_user(self.manager).write(values)
            self.assertFalse(self.shared.email_password, values)
        self.shared.with_user(self.manager).write({"imap_host": "new.test", "email_password": "typed"})
        self.assertEqual(self.shared._reveal_secret__("email_password"), "typed")

    def test_the_settings_of_another_company_are_not_set_by_a_default_of_the_context(self):
        self.company_b.inbox_undo_seconds = 7
        settings = self.env["inbox.answer.settings"].with_user(self.manager)
        self._refused(lambda: settings.create({"company_id": self.company_b.id, "inbox_undo_seconds": 25}))
        made = settings.with_context(default_company_id=self.company_b.id).create({"inbox_undo_seconds": 25})
        self.assertEqual((made.company_id, self.company_b.inbox_undo_seconds), (self.company_a, 7))

    def test_a_caller_sets_no_field_of_the_program(self):
        for model, values in (
            ("inbox.outgoing", {"integration_id": self.shared.id, "state": "sent"}),
            ("inbox.outgoing", {"integration_id": self.shared.id, "company_id": self.company_b.id}),
            ("inbox.conversation", {"integration_id": self.shared.id, "preview": "x"}),
        ):
            with self.assertRaises(UserError):
                self.env[model].with_user(self.user).create(values)
