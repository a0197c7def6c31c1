from contextlib import contextmanager
from datetime import timedelta

from odoo import models
from odoo.http import request

from ..exceptions import TooManyTries

TRIES = 10  # of a password, until it is right
PERIOD = timedelta(minutes=15)


class ResUsers(models.Model):
    """A password that is asked again, of somebody who is logged in or opened a link, has a few tries in all processes.

    Odoo's own limit is for the login alone.
    """

    _inherit = "res.users"

    def _check_credentials(self, credential, env):
        if not (request and request.session.uid == self.env.uid):
            return super()._check_credentials(credential, env)
        with self.env.user._limited_tries():
            return super()._check_credentials(credential, env)

    @contextmanager
    def _limited_tries(self):
        """Count a try of this account's password; the block raises when it is wrong.

        :raises TooManyTries: there were too many
        """
        limits = self.env["lokario.rate.limit"].sudo()
        if not limits._take("password", str(self.id), TRIES, PERIOD):
            minutes = int(PERIOD.total_seconds() // 60)
            raise TooManyTries(self.env._("Too many wrong passwords. Try again in %s minutes.", minutes))
        yield
        limits._forget("password", str(self.id))
