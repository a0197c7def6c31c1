from markupsafe import Markup
from odoo import Command, api, fields, models

from odoo.addons.base.models.res_users import check_identity


class AccountDeletionRequest(models.TransientModel):
    """What a deletion means, before it is asked for."""

    _name = "lokario.account.deletion.request"
    _inherit = ["lokario.access.mixin"]
    _description = "Request an Account's Deletion"

    user_id = fields.Many2one("res.users", "Account", required=True, default=lambda self: self.env.user)
    is_own = fields.Boolean(compute="_compute_explanation")
    consequences = fields.Html(compute="_compute_explanation", sanitize=False)
    obstacles = fields.Text("Not Possible Now", compute="_compute_explanation")
    belonging_ids = fields.One2many("lokario.account.deletion.belonging", "request_id", "What the Account Owns")

    @api.model_create_multi
    def create(self, vals_list):
        """List what the account owns, with what harms nobody as the proposal."""
        requests = super().create(vals_list)
        for request in requests:
            request.user_id._check_may_end()
            request.belonging_ids = [
                Command.create({"key": belonging.key, "label": belonging.label, "choice": belonging.default})
                for belonging in self.env["lokario.deletion.plan"].sudo()._belongings(request.user_id.sudo())
                if belonging.possible
            ]
        return requests

    @api.depends("user_id")
    def _compute_explanation(self):
        plan_sudo = self.env["lokario.deletion.plan"].sudo()
        for request in self:
            request.user_id._check_may_end()
            user_sudo = request.user_id.sudo()
            request.is_own = request.user_id == self.env.user
            request.obstacles = "\n".join(plan_sudo._obstacles(user_sudo))
            items = Markup().join(Markup("<li>%s</li>") % text for text in plan_sudo._consequences(user_sudo))
            request.consequences = Markup("<ul>%s</ul>") % items

    @check_identity
    def action_confirm(self):
        """Schedule the deletion; whoever deletes the own account is logged out when access is suspended."""
        self.ensure_one()
        choices = {line.key: (line.choice, line.heir_id.id) for line in self.belonging_ids}
        deletion = self.env["lokario.account.deletion"]._request(self.user_id, choices=choices)
        if self.is_own and deletion.sudo().suspended:
            return {"type": "ir.actions.act_url", "url": "/users/deletion/requested", "target": "self"}
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self._outcome(deletion.sudo()),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def _outcome(self, deletion) -> str:
        if deletion.state == "waiting":
            return self.env._("A second administrator has to approve it: Lokario › Account Deletions.")
        return self.env._("The deletion is scheduled; a mail with an undo link is on its way.")
