from odoo import api, fields, models


class AccountDeletionBelonging(models.TransientModel):
    """A line of the request: what a thing becomes."""

    _name = "lokario.account.deletion.belonging"
    _inherit = ["lokario.account.belonging.mixin", "lokario.access.mixin"]
    _description = "What Becomes of What the Account Owns"

    request_id = fields.Many2one("lokario.account.deletion.request", required=True, ondelete="cascade")
    user_id = fields.Many2one(related="request_id.user_id")

    @api.depends("key", "user_id")
    def _compute_possible(self):
        for user in self.user_id:
            user._check_may_end()
        super()._compute_possible()
