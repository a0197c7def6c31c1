from odoo import api, fields, models


class FollowupDispute(models.Model):
    _name = "lokario.followup.dispute"
    _inherit = ["lokario.access.mixin"]
    _description = "Dispute"
    _order = "id desc"

    followup_id = fields.Many2one("lokario.followup", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="followup_id.company_id", store=True)
    reason = fields.Text(required=True)
    move_line_id = fields.Many2one("account.move.line", string="Disputed line", ondelete="set null")
    by_customer = fields.Boolean(help="Raised by the customer on the statement page")
    state = fields.Selection(
        [("open", "Open"), ("accepted", "Accepted"), ("rejected", "Rejected")], required=True, default="open"
    )

    @api.model_create_multi
    def create(self, vals_list):
        disputes = super().create(vals_list)
        disputes._update_followups()
        return disputes

    def write(self, vals):
        result = super().write(vals)
        self._update_followups()
        return result

    def action_accept(self):
        self.write({"state": "accepted"})

    def action_reject(self):
        self.write({"state": "rejected"})

    def _update_followups(self):
        for followup in self.followup_id:
            followup._set_disputed(any(dispute.state == "open" for dispute in followup.dispute_ids))
