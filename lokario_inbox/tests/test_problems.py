"""What people see, and who is asked, when a mailbox does not work: two mailboxes, ordinary roles, a real Dovecot."""

import json

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import new_test_user, tagged

from odoo.addons.lokario_mailbox.tests.mailbox_common import make_mail
from odoo.addons.lokario_mailbox.tools.smtp_client import SubmissionFailed
from odoo.addons.lokario_mailbox.tools.smtp_retry import classify

from .mailbox_common import MailboxCase

AGENT, MANAGER = "lokario_inbox.group_lokario_inbox_user", "lokario_inbox.group_lokario_inbox_manager"


@tagged("post_install", "-at_install")
class TestProblems(MailboxCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.owner = new_test_user(cls.env, "camille", f"base.group_user,{MANAGER}", lang="fr_FR", name="Camille")
        cls.agent = new_test_user(cls.env, "julien", f"base.group_user,{AGENT}", lang="fr_FR", name="Julien")
        cls.emma = new_test_user(cls.env, "emma", f"base.group_user,{AGENT}", lang="en_US", name="Emma")

    def setUp(self):
        super().setUp()
        self.mailbox = self.box(user_id=self.owner.id)
        self.other = self.box("ventes@mail.test", user_id=self.owner.id)
        self.fill(self.mailbox.email_address, [make_mail(1)])
        self.run_cron()
        self.assertEqual(set((self.mailbox | self.other).mapped("state")), {"connected"})

    def shown(self, user, mailbox):
        boxes = self.env["inbox.conversation"].with_user(user).with_context(lang=user.lang).inbox_sidebar()["mailboxes"]
        return next(box for box in boxes if box["id"] == mailbox.id)

    def break_password(self):
        self.mailbox.email_password = "changed at the server"
        self.sync(self.mailbox)

    def test_a_changed_password_is_a_refused_login(self):
        self.break_password()
        self.assertEqual((self.mailbox.state, self.mailbox.last_error_class), ("error", "login"))
        activity = self.mailbox.activity_ids
        self.assertEqual((activity.user_id, len(activity)), (self.owner, 1))
        self.assertIn("Saisissez à nouveau le mot de passe", activity.summary)
        self.assertIn("refuse", activity.note)
        self.sync(self.mailbox)
        self.assertEqual(len(self.mailbox.activity_ids), 1, "asked once")
        shown = self.shown(self.agent, self.mailbox)
        self.assertIn("Le serveur refuse le mot de passe", shown["problem"])
        self.assertIn("Camille", shown["problem"])
        self.assertNotIn("AUTHENTICATIONFAILED", shown["problem"])
        self.assertIn("AUTHENTICATIONFAILED", shown["problem_detail"])
        self.assertIn("refuses the password", self.shown(self.emma, self.mailbox)["problem"])
        self.assertFalse(self.shown(self.agent, self.other)["problem"])

    def test_a_corrected_password_is_tried_at_once(self):
        self.break_password()
        self.mailbox.with_user(self.owner).email_password = self.password
        self.run_cron()  # nothing is reset by hand
        self.assertEqual(self.mailbox.state, "connected")
        self.assertFalse(self.mailbox.activity_ids)

    def hold(self, code, text, stage):
        self.env["mailbox.health"]._hold(self.mailbox, classify(code, text, stage), f"{code} {text}")

    def test_a_refused_login_of_the_outgoing_server(self):
        self.hold(535, "5.7.8 Bad credentials", "login")
        self.assertIn("Saisissez à nouveau le mot de passe", self.mailbox.activity_ids.summary)
        shown = self.shown(self.agent, self.mailbox)
        self.assertIn("L'envoi attend", shown["hold"].replace("’", "'"))
        self.assertNotIn("5.7.8", shown["hold"])
        self.assertIn("5.7.8", shown["hold_detail"])
        self.mailbox.with_user(self.owner).email_password = self.password
        self.assertFalse(self.mailbox.sending_hold_until)
        self.assertFalse(self.mailbox.activity_ids)

    def test_a_password_does_not_open_a_limit(self):
        self.hold(550, "5.4.5 Daily sending limit exceeded", "mail")
        self.mailbox.email_password = self.password
        self.assertTrue(self.mailbox.sending_hold_until)

    def test_a_test_that_succeeds_ends_hold_and_back_off(self):
        self.break_password()
        self.hold(535, "5.7.8 Bad credentials", "login")
        self.env.cr.execute("SELECT email_password FROM inbox_integrations WHERE id = %s", [self.mailbox.id])
        self.assertEqual(self.mailbox.failure_count, 1)
        self.patch(type(self.mailbox), "_open_smtp__", lambda mailbox: _Session())
        self.patch(type(self.mailbox), "_plan_credentials__", lambda mailbox: {"secret": self.password})
        self.mailbox.write({"smtp_host": "127.0.0.1", "email_password": self.password})
        self.hold(535, "5.7.8 Bad credentials", "login")
        action = self.mailbox.with_user(self.owner).action_test_connection()
        steps = self.env[action["res_model"]].browse(action["res_id"]).step_ids
        self.assertTrue(all(steps.mapped("is_ok")), steps.mapped("detail"))
        self.assertFalse(self.mailbox.sending_hold_until)
        self.assertEqual(self.mailbox.failure_count, 0)
        self.run_cron()
        self.assertEqual(self.mailbox.state, "connected")

    def test_details_of_the_test_are_whole(self):
        detail = "x" * 450
        self.patch(type(self.mailbox), "_open_smtp__", lambda mailbox: _refuse(detail))
        self.mailbox.write({"smtp_host": "127.0.0.1", "email_password": self.password})
        action = self.mailbox.with_user(self.owner).action_test_connection()
        step = self.env[action["res_model"]].browse(action["res_id"]).step_ids.filtered(lambda s: not s.is_ok)
        self.assertEqual(step.detail, detail)

    def test_a_waiting_mail_says_why(self):
        conversation = self.messages(self.mailbox).conversation_id
        for user in (self.agent, self.emma):
            mail = self.env["inbox.outgoing"].browse(conversation.with_user(user).action_compose("reply"))
            mail.with_user(user).write({"body_html": "<p>Bonjour</p>"})
            mail.with_user(user).action_send()
        self.hold(535, "5.7.8 Bad credentials", "login")
        rows = conversation.with_user(self.agent).with_context(lang="fr_FR").get_outgoing()
        self.assertEqual(len(rows), 2)
        for row in rows:
            self.assertIn("refuse le mot de passe", row["why"])
            self.assertEqual(row["detail"], "535 5.7.8 Bad credentials")
            self.assertNotIn("5.7.8", json.dumps({**row, "detail": ""}, default=str))

    def test_a_mailbox_never_connected_says_so(self):
        google = self.box("google@mail.test", auth_method="gmail", email_password=False, user_id=self.owner.id)
        with self.assertRaisesRegex(UserError, google.email_address):
            google.with_user(self.agent).action_sync()
        with self.assertRaisesRegex(UserError, google.email_address):
            (google | self.mailbox).with_user(self.owner).action_sync()
        self.assertIn("Pas encore", self.shown(self.agent, google)["problem"])
        self.assertEqual(google.state, "draft")
        (self.other | self.mailbox).with_user(self.agent).action_sync()

    def test_an_employee_becomes_a_portal_user(self):
        user, other = (new_test_user(self.env, f"new{number}", "base.group_user") for number in range(2))
        role = self.env.ref(AGENT)
        (user | other).write({"group_ids": [Command.link(role.id)]})
        portal, employee = self.env.ref("base.group_portal"), self.env.ref("base.group_user")
        user.write({"group_ids": [Command.link(portal.id), Command.unlink(employee.id)]})
        self.assertTrue(user.share)
        self.assertNotIn(role, user.all_group_ids)
        self.assertIn(role, other.all_group_ids)


class _Session:
    def quit(self):
        pass

    def close(self):
        pass


def _refuse(detail):
    raise SubmissionFailed("connect", None, detail)
