from unittest.mock import patch

from odoo import http
from odoo.tests import HttpCase, new_test_user, tagged

from odoo.addons.lokario_base.models.res_users import TRIES

from ..controllers import deletion

PASSWORD = "Right-Password-1"


@tagged("post_install", "-at_install")
class TestPasswordAskedAgain(HttpCase):
    def setUp(self):
        super().setUp()
        self.env["lokario.rate.limit"].search([]).unlink()
        self.env["res.lang"]._activate_lang("en_US")
        self.opener.headers["Accept-Language"] = "en-US"
        self.user, self.other = map(self.portal_user, ("ann@example.org", "ben@example.org"))

    def portal_user(self, login):
        return new_test_user(self.env, login, groups="base.group_portal", password=PASSWORD, email=login, lang="en_US")

    def delete(self, password, path="/my/account/deletion", **form):
        data = {"password": password, "csrf_token": http.Request.csrf_token(self), **form}
        return self.opener.post(self.base_url() + path, data=data, timeout=120).text

    def test_the_deletion_page_has_a_few_tries(self):
        self.authenticate(self.user.login, PASSWORD)
        for _try in range(TRIES):
            self.assertIn("password is not correct", self.delete("wrong"))
        self.assertIn("Too many wrong passwords", self.delete("wrong"))
        self.assertIn("Too many wrong passwords", self.delete(PASSWORD))
        self.assertFalse(self.user.deletion_scheduled_at)
        self.authenticate(self.other.login, PASSWORD)
        self.assertIn("is scheduled", self.delete(PASSWORD, request_blacklist="1"))
        self.assertTrue(self.other.deletion_ids.request_blacklist)

    def test_deletions_have_a_few_tries_a_day(self):
        """Each one that is undone is a row that stays, and a mail."""
        with patch.object(deletion, "REQUESTS", 1):
            self.authenticate(self.user.login, PASSWORD)
            self.assertIn("is scheduled", self.delete(PASSWORD))
            self.user.deletion_ids._set_cancelled()
            self.authenticate(self.user.login, PASSWORD)
            self.assertIn("several times today", self.delete(PASSWORD))
        self.assertEqual(len(self.user.deletion_ids), 1)

    def test_a_right_password_begins_anew(self):
        self.authenticate(self.user.login, PASSWORD)
        users = self.env["res.users"].with_user(self.user)
        for _round in range(2):
            for _try in range(TRIES - 1):
                self.delete("wrong")
            with users.env.user._limited_tries():
                pass
        self.assertIn("is scheduled", self.delete(PASSWORD))

    def test_odoos_own_form_asks_for_the_login(self):
        self.authenticate(self.user.login, PASSWORD)
        self.assertIn("Enter your login", self.delete(PASSWORD, "/my/deactivate_account", validation="x"))
        self.assertIn("is scheduled", self.delete(PASSWORD, "/my/deactivate_account", validation=self.user.login))
