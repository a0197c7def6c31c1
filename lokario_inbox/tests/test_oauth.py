import time

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from odoo.addons.lokario_mailbox.tests.mailbox_common import make_mail
from odoo.addons.lokario_mailbox.tests.token_server import TokenServer

from .mailbox_common import MailboxCase


@tagged("post_install", "-at_install")
class TestOauth(MailboxCase):
    """XOAUTH2 against Dovecot, whose tokens come from a token server on loopback."""

    @classmethod
    def setUpClass(cls):
        cls.tokens = cls.enterClassContext(TokenServer())
        super().setUpClass()

    @classmethod
    def _make_environment(cls, environment):
        cls.tokens.teach(environment)

    def setUp(self):
        super().setUp()
        self.tokens.reset()
        self.tokens.login = self.own("contact@mail.test")
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("microsoft_outlook.endpoint", self.tokens.url + "/")
        parameters.set_param("lokario_mailbox.google_token_url", self.tokens.url + "/token")
        for prefix in ("microsoft_outlook", "google_gmail"):
            parameters.set_param(f"{prefix}_client_id", "client")
            parameters.set_param(f"{prefix}_client_secret", "secret")

    def _oauth_box(self, method="outlook", prefix="microsoft_outlook"):
        box = self.box(auth_method=method, email_password=False, **{f"{prefix}_refresh_token": "refresh-0"})
        self.append(self.imap(), [make_mail(1)])
        return box

    def test_token_is_renewed_and_the_new_refresh_token_kept(self):
        for method, prefix in (("outlook", "microsoft_outlook"), ("gmail", "google_gmail")):
            self.setUp()
            box = self._oauth_box(method, prefix)
            self.sync(box)
            self.assertEqual((box.state, box.last_sync_error), ("connected", False))
            self.assertEqual(box._reveal_secret__(f"{prefix}_refresh_token"), "refresh-1")
            self.sync(box)
            self.assertEqual(self.tokens.rotations, 1, "a fresh access token is used again")
            box[f"{prefix}_access_token_expiration"] = int(time.time()) + 30
            self.sync(box)
            self.assertEqual(box._reveal_secret__(f"{prefix}_refresh_token"), "refresh-2")
            self.assertEqual(box.state, "connected")
            box.unlink()

    def test_revoked_consent_stops_and_tells_the_user(self):
        box = self._oauth_box()
        self.tokens.mode = "revoked"
        self.sync(box)
        self.assertEqual((box.state, box.last_error_class), ("error", "login"))
        self.assertIn("connect again", box.last_sync_error)
        self.assertEqual(len(box.activity_ids), 1)

    def test_broken_token_server_is_tried_again(self):
        box = self._oauth_box()
        self.tokens.mode = "broken"
        self.sync(box)
        self.assertEqual((box.last_error_class, len(box.activity_ids)), ("network", 0))
        self.assertEqual(box._reveal_secret__("microsoft_outlook_refresh_token"), "refresh-0")
        self.tokens.mode = "rotate"
        self.sync(box)
        self.assertEqual((box.state, self.subjects(box)), ("connected", ["Question 1"]))

    def test_owner_connects_himself_and_nobody_else(self):
        owner = new_test_user(self.env, "owner", "base.group_user,lokario_inbox.group_lokario_inbox_user")
        stranger = new_test_user(self.env, "stranger", "base.group_user,lokario_inbox.group_lokario_inbox_user")
        box = self.box(auth_method="outlook", user_id=owner.id, visibility="private")
        url = box.with_user(owner).action_connect_provider()["url"]
        self.assertTrue(url.startswith(self.tokens.url))
        self.assertIn("client_id=client", url)
        with self.assertRaises(AccessError):
            box.with_user(stranger).action_connect_provider()
        with self.assertRaises(AccessError):
            box.with_user(stranger).sudo()._get_outlook_csrf_token()

    def test_tokens_are_sealed(self):
        box = self._oauth_box()
        self.sync(box)
        self.env.cr.execute("SELECT row_to_json(i)::text FROM inbox_integrations i WHERE id = %s", [box.id])
        text = self.env.cr.fetchone()[0]
        self.assertNotIn("refresh-", text)
        self.assertNotIn("access-", text)

    def test_a_test_of_the_connection_keeps_the_token_it_renewed(self):
        """The old refresh token is worth nothing any more, whatever becomes of the request."""
        box = self._oauth_box()
        test = self.env["inbox.connection.test"].browse(box.action_test_connection()["res_id"])
        self.assertEqual(test.state, "servers", test.step_ids.mapped("detail"))
        self.assertEqual(box._reveal_secret__("microsoft_outlook_refresh_token"), self.tokens.refresh_token)
        box.microsoft_outlook_refresh_token = "refresh-0"  # what a rollback brings back
        with self.enter_registry_test_mode():
            self.env.cr.postrollback.run()
        self.env.invalidate_all()
        self.assertEqual(box._reveal_secret__("microsoft_outlook_refresh_token"), self.tokens.refresh_token)
