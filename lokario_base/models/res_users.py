from odoo import api, fields, models
from odoo.exceptions import AccessDenied, AccessError
from odoo.tools import SQL

from odoo.addons.base.models.res_users import check_identity

MANAGER = "lokario_base.group_lokario_base_manager"
MANAGERS = f"base.group_erp_manager,{MANAGER}"


class ResUsers(models.Model):
    _inherit = "res.users"

    deletion_ids = fields.One2many("lokario.account.deletion", "user_id", "Account Deletions", groups=MANAGERS)
    deletion_scheduled_at = fields.Datetime("Deletion Scheduled", compute="_compute_deletion_scheduled_at")
    deletion_suspended_at = fields.Datetime(
        "Access Suspended Since", readonly=True, copy=False, groups=fields.NO_ACCESS
    )

    @property
    def SELF_READABLE_FIELDS(self):
        return [*super().SELF_READABLE_FIELDS, "deletion_scheduled_at"]

    @api.depends("deletion_ids.state", "deletion_ids.deletion_scheduled_at")
    def _compute_deletion_scheduled_at(self):
        for user in self:
            scheduled = user.sudo().deletion_ids.filtered(lambda deletion: deletion.state == "scheduled")
            user.deletion_scheduled_at = scheduled[:1].deletion_scheduled_at

    def _set_deletion_suspended(self, since):
        """Close the account's doors, or open them again; nothing else of the row changes, so that undo is exact."""
        self.flush_recordset()
        self.env.cr.execute(
            SQL("UPDATE res_users SET deletion_suspended_at = %s WHERE id = ANY(%s)", since or None, self.ids)
        )
        self.invalidate_recordset(["deletion_suspended_at"])
        self.env.registry.clear_cache()

    # === THE DOORS === #

    def _get_session_token_fields(self):
        """Suspension ends every session; undo makes the same sessions valid again."""
        return super()._get_session_token_fields() | {"deletion_suspended_at"}

    def _check_credentials(self, credential, env):
        auth_info = super()._check_credentials(credential, env)
        if self.env.user.sudo().deletion_suspended_at:
            raise AccessDenied(
                self.env._(
                    "This account is about to be deleted. To keep it, use the link in the mail that you received."
                )
            )
        return auth_info

    # === REQUESTS === #

    def _check_may_end(self):
        """Raise unless the acting user may have this account deleted: the own one, or a manager's company and rights.

        A manager never ends the account of somebody who may do more; an administrator may give himself all rights.

        :raises AccessError: the text says what is missing
        """
        self.ensure_one()
        asking, user_sudo = self.env.user, self.sudo()
        if self == asking or self.env.is_superuser():
            return
        if not asking.has_group(MANAGER) or user_sudo.company_id not in asking.company_ids:
            raise AccessError(self.env._("Only a manager can request the deletion of somebody else's account."))
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

    @check_identity
    def action_request_deletion(self):
        """Open the consequences of a deletion; the password has just been asked."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Delete Account"),
            "res_model": "lokario.account.deletion.request",
            "view_mode": "form",
            "target": "new",
            "context": {"default_user_id": self.id},
        }

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

    def _finish_portal_deletion(self, **post):
        """What Odoo and other addons do when a portal user deletes the account, now that the delay is over."""
        super()._deactivate_portal_user(**post)


class ResUsersApikeys(models.Model):
    _inherit = "res.users.apikeys"

    @api.model
    def _check_credentials(self, *, scope, key):
        uid = super()._check_credentials(scope=scope, key=key)
        return None if uid and self.env["res.users"].sudo().browse(uid).deletion_suspended_at else uid
