import time

from odoo import fields
from odoo.tests import tagged

from odoo.addons.lokario_mailbox.tests.outgoing_common import MAILBOX
from odoo.addons.lokario_mailbox.tests.token_server import TokenServer

from .outgoing_common import OutgoingCase


@tagged("post_install", "-at_install")
class TestOutgoingOauth(OutgoingCase):
    """XOAUTH2 on the way out: an SMTP server and a Dovecot that take tokens of a token server on loopback."""

    @classmethod
    def setUpClass(cls):
        cls.tokens = cls.enterClassContext(TokenServer())
        cls.tokens.login = MAILBOX
        super().setUpClass()
        cls.sink.tokens = lambda token: cls.tokens.valid.get(token)
        parameters = cls.env["ir.config_parameter"].sudo()
        parameters.set_param("microsoft_outlook.endpoint", cls.tokens.url + "/")
        parameters.set_param("microsoft_outlook_client_id", "client")
        parameters.set_param("microsoft_outlook_client_secret", "secret")
        cls.integration.write(
            {"auth_method": "outlook", "email_password": False, "microsoft_outlook_refresh_token": "refresh-0"}
        )

    @classmethod
    def _make_environment(cls, environment):
        cls.tokens.teach(environment)

    def setUp(self):
        super().setUp()
        self.tokens.reset()

    def send(self, **values):
        mail = self.draft(**values)
        mail.action_send()
        self.run_cron(self.cron_send, seconds=11)
        return mail

    def secret(self, name):
        return self.integration._reveal_secret__(f"microsoft_outlook_{name}")

    def test_a_token_is_renewed_rotated_and_used_again(self):
        mail = self.send()
        self.assertEqual((mail.state, self.sink.deliveries()[0].login), ("sent", MAILBOX))
        self.assertEqual((self.secret("refresh_token"), self.tokens.rotations), ("refresh-1", 1))
        self.run_cron(self.cron_file, seconds=90)
        self.run_cron(self.cron_file, seconds=200)
        self.assertEqual(self.in_folder("Sent"), [mail.message_id_header], "the same token files the copy")
        self.assertEqual((self.send().state, self.tokens.rotations), ("sent", 1), "a fresh token is used again")
        self.integration.microsoft_outlook_access_token_expiration = int(time.time()) + 30
        self.assertEqual((self.send().state, self.secret("refresh_token")), ("sent", "refresh-2"))

    def test_revoked_consent_holds_the_mails_and_tells_the_owner(self):
        self.tokens.mode = "revoked"
        mail = self.send()
        self.assertEqual((mail.state, self.integration.sending_hold_cause), ("scheduled", "login"))
        self.assertIn("connect again", self.integration.sending_hold_text)
        note = self.env["mail.message"].search([("message_type", "=", "user_notification")], order="id desc", limit=1)
        self.assertIn("est suspendu", note.subject)  # in the language of the owner
        self.assertNotIn("refresh-", f"{note.body} {self.integration.sending_hold_text}")
        self.tokens.mode = "rotate"
        self.integration.action_release_hold()
        self.run_cron(self.cron_send, seconds=20)
        self.assertEqual(mail.state, "sent")

    def test_a_token_the_server_no_longer_takes_is_a_refused_login(self):
        self.send()
        self.tokens.valid = {}
        mail = self.send()
        self.assertEqual((mail.state, self.integration.sending_hold_cause), ("scheduled", "login"))

    def test_a_broken_token_server_is_tried_again(self):
        self.tokens.mode = "broken"
        mail = self.send()
        self.assertEqual((mail.state, self.integration.sending_hold_cause), ("scheduled", "network"))
        self.assertLess(self.integration.sending_hold_until, fields.Datetime.add(fields.Datetime.now(), minutes=5))
        self.tokens.mode = "rotate"
        self.run_cron(self.cron_send, seconds=400)
        self.assertEqual(mail.state, "sent")

    def test_tokens_that_another_worker_renewed_are_taken_up(self):
        """The synchronisation renewed them a moment ago and the provider forgot the old ones."""
        opener = self.integration._session_opener__()
        stale = self.integration._mailbox_login__()
        self.integration._credentials_for__(lambda call, *arguments: call(*arguments))
        logins = [stale]

        def ask(call, *arguments):
            return logins.pop() if logins and call == self.integration._mailbox_login__ else call(*arguments)

        session = opener(ask)
        self.addCleanup(session.close)
        self.assertEqual((self.tokens.rotations, session.noop()[0]), (1, 250))
