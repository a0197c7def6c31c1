from odoo import api, http
from odoo.exceptions import UserError
from odoo.tests import HttpCase, new_test_user, tagged

from ..models.res_users_password import TRIES
from .committed import CommittedCase
from .common import identity_confirmed

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


class TestIdentityCheck(CommittedCase):
    """A wrong password rolls the request back, not its count."""

    def test_the_tries_are_counted_for_all_processes(self):
        eve, bob = (self.internal_user(name) for name in ("eve", "bob"))
        self.env.cr.commit()
        for _try in range(TRIES):
            self.assertFalse(self.is_confirmed(eve, "wrong"))
        self.assertFalse(self.is_confirmed(eve, PASSWORD))
        self.assertTrue(self.is_confirmed(bob, PASSWORD))
        for _try in range(TRIES - 1):
            self.assertFalse(self.is_confirmed(bob, "wrong"))
        self.assertTrue(self.is_confirmed(bob, PASSWORD), "the right one begins anew")
        self.assertFalse(self.is_confirmed(bob, "wrong"))
        self.assertTrue(self.is_confirmed(bob, PASSWORD))

    def internal_user(self, name):
        return new_test_user(self.env, f"{name}@example.org", groups="base.group_user", password=PASSWORD).id

    def is_confirmed(self, user, password):
        """Answer Odoo's question for the password as a request of its own does."""
        with identity_confirmed() as request, self.registry.cursor() as cr:
            request.session.uid = user
            env = api.Environment(cr, user, {"password": password})
            try:
                env["res.users.identitycheck"].create({})._check_identity()
            except UserError:
                cr.rollback()
                return False
            return True
