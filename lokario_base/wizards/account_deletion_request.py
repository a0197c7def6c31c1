from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import AccessError

from odoo.addons.base.models.res_users import check_identity

MANAGER = "lokario_base.group_lokario_base_manager"


class AccountDeletionRequest(models.TransientModel):
    """What a deletion means, before it is asked for."""

    _name = "lokario.account.deletion.request"
    _description = "Request an Account's Deletion"

    user_id = fields.Many2one("res.users", "Account", required=True, default=lambda self: self.env.user)
    is_own = fields.Boolean(compute="_compute_explanation")
    consequences = fields.Html(compute="_compute_explanation", sanitize=False)
    obstacles = fields.Text("Not Possible Now", compute="_compute_explanation")

    @api.depends("user_id")
    def _compute_explanation(self):
        plan_sudo = self.env["lokario.deletion.plan"].sudo()
        for request in self:
            request._check_may_ask()
            user_sudo = request.user_id.sudo()
            request.is_own = request.user_id == self.env.user
            request.obstacles = "\n".join(plan_sudo._obstacles(user_sudo))
            items = Markup().join(Markup("<li>%s</li>") % text for text in plan_sudo._consequences(user_sudo))
            request.consequences = Markup("<ul>%s</ul>") % items

    def _check_may_ask(self):
        """What is in the way of a deletion, and the deletion itself, are for the person and the company's managers."""
        asking, company = self.env.user, self.user_id.sudo().company_id
        if self.user_id != asking and not (asking.has_group(MANAGER) and company in asking.company_ids):
            raise AccessError(self.env._("Only a manager can request the deletion of somebody else's account."))

    @check_identity
    def action_confirm(self):
        """Schedule the deletion; whoever deletes the own account is logged out when access is suspended."""
        self.ensure_one()
        self._check_may_ask()
        deletion = self.env["lokario.account.deletion"]._request(self.user_id)
        if self.is_own and deletion.sudo().suspended:
            return {"type": "ir.actions.act_url", "url": "/users/deletion/requested", "target": "self"}
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("The deletion is scheduled; a mail with an undo link is on its way."),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
