from contextlib import contextmanager
from datetime import timedelta

from odoo import models
from odoo.http import request

from ..exceptions import TooManyTries

TRIES = 10  # of a password, until it is right
PERIOD = timedelta(minutes=15)


class ResUsers(models.Model):
    """A password that is asked again, of a user who is logged in or opened a link, has a few tries in all processes.

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

    def _works_for_all_companies(self) -> bool:
        """Whether the user may change what all companies use: an administrator, or who works in each of them."""
        companies = self.env["res.company"].sudo().search([])  # pylint: disable=no-search-all  # a handful
        return self.has_group("base.group_system") or companies <= self.sudo().company_ids

    def _still_here(self):
        """Return the colleagues among these users: active ones, no portal user."""
        return self.filtered(lambda user: user.active and not user.share)

    def _readable(self, records):
        """Return those of the records which this user may read, looking into all of his companies."""
        self.ensure_one()
        companies = self.company_id | self.company_ids
        mine = records.with_user(self).with_context(allowed_company_ids=companies.ids)
        return records.browse(mine._filtered_access("read")._ids)
