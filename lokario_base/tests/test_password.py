from odoo import api
from odoo.exceptions import UserError
from odoo.tests import new_test_user

from ..models.res_users import TRIES
from .committed import CommittedCase
from .common import identity_confirmed

PASSWORD = "Right-Password-1"


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
