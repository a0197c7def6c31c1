import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessDenied, UserError
from odoo.tools import hash_sign, verify_hash_signed
from odoo.tools.sql import escape_psql

from ..tools.contact import is_address

VERIFY_SCOPE = "lokario_base.signup.verify"
VERIFY_HOURS = 24
RESENDS = 3  # verification mails an hour to one address, the first included
SIGNUPS = 10  # new accounts an hour from one network
HOUR = timedelta(hours=1)


class ResUsers(models.Model):
    """A self-registered account is closed until its e-mail address is confirmed."""

    _inherit = "res.users"

    signup_nonce = fields.Char(copy=False, groups=fields.NO_ACCESS)

    @api.model
    def _get_login_domain(self, login):
        """Addresses are compared without regard to case; an account that is written exactly so comes first."""
        domain = super()._get_login_domain(login)
        if not isinstance(login, str) or login == login.lower() or self.sudo().search_count(domain, limit=1):
            return domain
        return super()._get_login_domain(login.lower())

    @api.model
    def _check_signup(self, login, network: str) -> str:
        """Return the login of a new account, in small letters.

        :raises UserError: it is no address, has an account, or too many accounts were created from this network
        """
        login = login.strip().lower() if isinstance(login, str) else ""
        if not is_address(login):
            raise UserError(self.env._("“%s” is not a valid e-mail address. Please correct it.", login))
        users_sudo = self.sudo().with_context(active_test=False)
        if users_sudo.search_count([("login", "=ilike", escape_psql(login))], limit=1):
            raise UserError(
                self.env._("There is an account with this e-mail address already: log in or reset its password.")
            )
        if not self.env["lokario.rate.limit"].sudo()._take("signup-network", network, SIGNUPS, HOUR):
            raise UserError(self.env._("Too many accounts were created from here. Please try again in an hour."))
        return login

    @api.model
    def _signup_create_user(self, values):
        user = super()._signup_create_user(values)
        if "partner_id" not in values:  # nobody invited this person: the address is not proven
            user.sudo().signup_nonce = secrets.token_hex(16)
        return user

    @api.model
    def signup(self, values, token=None):
        result = super().signup(values, token)
        if token:  # it came by mail, so it proves the address
            user_sudo = self.sudo().search(self._get_login_domain(result[0]), limit=1)
            user_sudo.filtered("signup_nonce").signup_nonce = False
        return result

    def _check_credentials(self, credential, env):
        auth_info = super()._check_credentials(credential, env)
        if self.env.user.sudo().signup_nonce:
            raise AccessDenied(
                self.env._("Please confirm your e-mail address first: open the link in the mail that we sent you.")
            )
        return auth_info

    def _verification_url(self) -> str:
        self.ensure_one()
        token = hash_sign(
            self.sudo().env, VERIFY_SCOPE, [self.id, self.sudo().signup_nonce], expiration_hours=VERIFY_HOURS
        )
        return f"{self.get_base_url()}/auth/verify?token={token}"

    @api.model
    def _by_verification_token(self, token: str):
        """Return the unconfirmed user that a link names; empty when it was used, is too old or forged."""
        try:
            user_id, nonce = verify_hash_signed(self.sudo().env, VERIFY_SCOPE, token or "") or (0, "")
        except (ValueError, TypeError):
            return self.browse()
        return self.sudo().browse(user_id).exists().filtered(lambda user: nonce and user.signup_nonce == nonce)

    def _verify_with_password(self, password: str):
        """Open the account to whoever has its link and its password: a stranger may have chosen the latter.

        :raises AccessDenied: the password is wrong, or was wrong too often
        """
        credential = {"login": self.login, "password": password, "type": "password"}
        with self._limited_tries(), self.env.cr.savepoint():
            self.sudo().signup_nonce = False
            user = self.with_user(self)
            user._check_credentials(credential, {"interactive": True})

    @api.model
    def _send_verification(self, login: str):
        """Send the link to the unconfirmed account of ``login``, a few times an hour at most; nobody learns whether
        there is such an account."""
        user_sudo = self.sudo().search(self._get_login_domain(login or ""), limit=1)
        if not user_sudo.signup_nonce:
            return
        if self.env["lokario.rate.limit"].sudo()._take("signup", user_sudo.login.lower(), RESENDS, HOUR):
            self.env.ref("lokario_base.mail_template_signup_verification").sudo().send_mail(user_sudo.id)
            self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()
