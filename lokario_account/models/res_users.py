import secrets
from contextlib import suppress
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessDenied, AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL, hash_sign, verify_hash_signed
from odoo.tools.sql import escape_psql
from psycopg2 import IntegrityError

from odoo.addons.base.models.res_users import check_identity
from odoo.addons.lokario_base.tools.email_address import needs_smtputf8, plain_address, spellings

MANAGER = "lokario_base.group_lokario_base_manager"
MANAGERS = f"base.group_erp_manager,{MANAGER}"
VERIFY_SCOPE = "lokario_base.signup.verify"  # of the links in mails that were sent already
VERIFY_HOURS = 24
CONFIRM_SCOPE, CONFIRM_HOURS = "lokario_account.deletion.confirm", 1
RESENDS = 3  # verification mails an hour to one address, the first included
SIGNUPS = 10  # new accounts an hour from one network
UNCONFIRMED_DAYS = 7  # after which an account that nobody confirmed is gone: strangers make them
GC_LIMIT = 1000
HOUR = timedelta(hours=1)


class ResUsers(models.Model):
    """Accounts: closed until a self-registered address is verified, closed again while a deletion is scheduled."""

    _inherit = "res.users"

    deletion_ids = fields.One2many("lokario.account.deletion", "user_id", "Account Deletions", groups=MANAGERS)
    deletion_scheduled_at = fields.Datetime("Deletion Scheduled", compute="_compute_deletion_scheduled_at")
    deletion_suspended_at = fields.Datetime(
        "Access Suspended Since", readonly=True, copy=False, groups=fields.NO_ACCESS
    )
    signup_nonce = fields.Char(copy=False, groups=fields.NO_ACCESS)

    @property
    def SELF_READABLE_FIELDS(self):
        return [*super().SELF_READABLE_FIELDS, "deletion_scheduled_at"]

    @api.depends("deletion_ids.state", "deletion_ids.deletion_scheduled_at")
    def _compute_deletion_scheduled_at(self):
        for user in self:
            scheduled = user.sudo().deletion_ids.filtered(lambda deletion: deletion.state == "scheduled")
            user.deletion_scheduled_at = scheduled[:1].deletion_scheduled_at

    def _set_deletion_suspended(self, since):
        """Suspend the account's access, or give it back; nothing else of the row changes, so that undo is exact."""
        self.flush_recordset()
        self.env.cr.execute(
            SQL("UPDATE res_users SET deletion_suspended_at = %s WHERE id = ANY(%s)", since or None, self.ids)
        )
        self.invalidate_recordset(["deletion_suspended_at"])
        self.env.registry.clear_cache()

    # === ACCESS === #

    def _get_session_token_fields(self):
        """Suspension ends every session; undo makes the same sessions valid again."""
        return super()._get_session_token_fields() | {"deletion_suspended_at"}

    def _check_credentials(self, credential, env):
        auth_info = super()._check_credentials(credential, env)
        if reason := self._closed_because():
            raise AccessDenied(reason)
        return auth_info

    def _closed_because(self) -> str:
        """Return why the acting user's account is closed; empty when it is open."""
        user_sudo = self.env.user.sudo()
        if user_sudo.deletion_suspended_at:
            return self.env._(
                "This account is about to be deleted. To keep it, use the link in the mail that you received."
            )
        if user_sudo.signup_nonce:
            return self.env._("Please confirm your e-mail address first: open the link in the mail that we sent you.")
        return ""

    # === REQUESTS === #

    def _check_may_end(self):
        """Raise unless the acting user may have this account deleted: the own one, or a manager's company and rights.

        A manager never ends the account of a user with more rights; an administrator may give himself all rights.

        :raises AccessError: the text says what is missing
        """
        self.ensure_one()
        asking, user_sudo = self.env.user, self.sudo()
        if self == asking or self.env.is_superuser():
            return
        if not asking.has_group(MANAGER) or user_sudo.company_id not in asking.company_ids:
            raise AccessError(self.env._("Only a manager can request the deletion of another user's account."))
        more = user_sudo._roles() - asking.sudo()._roles()
        if more and not asking.has_group("base.group_system"):
            raise AccessError(
                self.env._(
                    "%(user)s has rights that you do not have (%(rights)s): ask an administrator.",
                    user=user_sudo.name,
                    rights=", ".join(more.mapped("full_name")),
                )
            )

    def _roles(self):
        """The groups that give rights: those that the user's form offers, and the administrators'."""
        self.ensure_one()
        administration = self.env.ref("base.group_erp_manager") | self.env.ref("base.group_system")
        return self.all_group_ids.filtered(lambda group: group.privilege_id or group in administration)

    def action_request_deletion(self):
        """Open the consequences of a deletion after the password; who has none confirms by mail, on a page."""
        if self == self.env.user and not self._has_password():
            return {"type": "ir.actions.act_url", "url": "/my/account/deletion", "target": "self"}
        return self.action_open_deletion_request()

    @check_identity
    def action_open_deletion_request(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Delete Account"),
            "res_model": "lokario.account.deletion.request",
            "res_id": self.env["lokario.account.deletion.request"].create({"user_id": self.id}).id,
            "view_mode": "form",
            "target": "new",
            "context": {"dialog_size": "large"},
        }

    def _has_password(self) -> bool:
        """Whether the account has one; who comes by OAuth or a passkey, or was only invited, has none."""
        return bool(self.env.execute_query(SQL("SELECT 1 FROM res_users WHERE id = %s AND password > ''", self.id)))

    def _deletion_confirmation_url(self) -> str:
        token = hash_sign(
            self.sudo().env, CONFIRM_SCOPE, [self.id, len(self.sudo().deletion_ids)], expiration_hours=CONFIRM_HOURS
        )
        return f"{self.get_base_url()}/my/account/deletion/confirm?token={token}"

    def _is_deletion_confirmed(self, token: str) -> bool:
        """Whether a link is this account's and was not used: each deletion makes the links before it void."""
        try:
            given = verify_hash_signed(self.sudo().env, CONFIRM_SCOPE, token or "")
        except (ValueError, TypeError):
            return False
        return given == [self.id, len(self.sudo().deletion_ids)]

    def _send_deletion_confirmation(self):
        """Mail the link that stands for the password.

        :raises UserError: three were sent within an hour
        """
        if not self.env["lokario.rate.limit"].sudo()._take("deletion-confirm", str(self.id), RESENDS, HOUR):
            raise UserError(self.env._("Several mails were sent already. Please look into your mailbox."))
        self.env.ref("lokario_account.mail_template_deletion_confirm").sudo().send_mail(self.id)
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()

    def _deactivate_portal_user(self, **post):
        """The portal's own button: schedule the deletion instead of an immediate one; Odoo's own follows the delay.

        :raises AccessDenied: one of the users is no portal user
        """
        if internal := self.filtered(lambda user: not user.share):
            raise AccessDenied(
                self.env._("Only portal users can delete their accounts here: %s.", ", ".join(internal.mapped("name")))
            )
        for user in self:
            deletions = self.env["lokario.account.deletion"].with_user(user)
            deletions._request(user, request_blacklist=bool(post.get("request_blacklist")))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_scheduled(self):
        """Nobody deletes by hand what the plan deletes: the contact and what names the person would stay."""
        if user := self.filtered(lambda user: {"waiting", "scheduled"} & {*user.sudo().deletion_ids.mapped("state")})[
            :1
        ]:
            raise UserError(
                self.env._("The deletion of the account %s is scheduled: let it come, or undo it first.", user.name)
            )

    def _being_erased(self):
        return self.filtered(lambda user: "erasing" in user.sudo().deletion_ids.mapped("state"))

    def _set_password(self):
        """Whose account is being erased gets no password any more: to encrypt an empty one takes half a second."""
        super(ResUsers, self - self._being_erased())._set_password()

    def _notify_security_setting_update(self, *args, **kwargs):
        """Who asked for the erasure is not warned that the login changes in its course."""
        if users := self - self._being_erased():
            return super(ResUsers, users)._notify_security_setting_update(*args, **kwargs)
        return self.env["mail.mail"]

    def _finish_portal_deletion(self, **post):
        """What Odoo and other addons do when a portal user deletes the account, now that the delay is over."""
        super()._deactivate_portal_user(**post)

    # === SIGN-UP === #

    @api.model
    def _get_login_domain(self, login):
        """Addresses are compared without regard to case; an account that is written exactly so comes first."""
        domain = super()._get_login_domain(login)
        plain = _plain_login(login)
        if login == plain or self.sudo().search_count(domain, limit=1):
            return domain
        return super()._get_login_domain(plain)

    @api.model
    def _check_signup(self, login, network: str) -> str:
        """Return the login of a new account, in small letters and as mail servers write it.

        :raises UserError: it is no address, has an account, or too many accounts were created from this network
        """
        typed, login = login, _plain_login(login)
        if needs_smtputf8(typed):
            raise UserError(
                self.env._(
                    "“%s” is not a valid e-mail address everywhere: many mail servers refuse accents and other letters "
                    "before the @. Please give another one.",
                    typed,
                )
            )
        if not plain_address(login):
            raise UserError(self.env._("“%s” is not a valid e-mail address. Please correct it.", login or ""))
        users_sudo = self.sudo().with_context(active_test=False)
        known = Domain.OR(Domain("login", "=ilike", escape_psql(each)) for each in spellings(login))
        if users_sudo.search_count(known, limit=1):
            raise UserError(
                self.env._("There is an account with this e-mail address already: log in or reset its password.")
            )
        if not self.env["lokario.rate.limit"].sudo()._take("signup-network", network, SIGNUPS, HOUR):
            raise UserError(self.env._("Too many accounts were created from here. Please try again in an hour."))
        return login

    @api.model
    def _signup_create_user(self, values):
        user = super()._signup_create_user(values)
        if "partner_id" not in values:  # not invited: the address is not verified
            user.sudo().signup_nonce = secrets.token_hex(16)
        return user

    @api.model
    def signup(self, values, token=None):
        result = super().signup(values, token)
        if token:  # it came by mail, so it verifies the address
            user_sudo = self.sudo().search(self._get_login_domain(result[0]), limit=1)
            user_sudo.filtered("signup_nonce").signup_nonce = False
        return result

    # === VERIFICATION === #

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
        """Send the link to the unconfirmed account of ``login``, a few times an hour at most; the caller
        does not learn whether there is such an account."""
        user_sudo = self.sudo().search(self._get_login_domain(login or ""), limit=1)
        if not user_sudo.signup_nonce:
            return
        if self.env["lokario.rate.limit"].sudo()._take("signup", user_sudo.login.lower(), RESENDS, HOUR):
            self.env.ref("lokario_account.mail_template_signup_verification").sudo().send_mail(user_sudo.id)
            self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()

    @api.autovacuum
    def _gc_unconfirmed(self):
        """Forget who signed up and never confirmed the address: nobody can have logged in."""
        everybody = self.sudo().with_context(active_test=False)
        old = [("signup_nonce", "!=", False), ("create_date", "<", f"-{UNCONFIRMED_DAYS}d")]
        forgotten = 0
        for user in everybody.search(old, limit=GC_LIMIT):
            for record in (user, user.partner_id):
                with suppress(UserError, IntegrityError), self.env.cr.savepoint():  # what somebody uses stays
                    record.unlink()
                    forgotten += record == user
        return forgotten, forgotten == GC_LIMIT


def _plain_login(login):
    """Return a login in small letters; an address as mail servers write it."""
    text = login.strip().lower() if isinstance(login, str) else login
    return plain_address(text) or text
