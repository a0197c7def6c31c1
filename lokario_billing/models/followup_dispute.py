from odoo import api, fields, models


class FollowupDispute(models.Model):
    _name = "lokario.followup.dispute"
    _inherit = ["lokario.access.mixin"]
    _description = "Dispute"
    _order = "id desc"
    _machine_writes_as_sudo = True

    followup_id = fields.Many2one("lokario.followup", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="followup_id.company_id", store=True)
    reason = fields.Text(required=True)
    move_line_id = fields.Many2one("account.move.line", string="Disputed line", ondelete="set null")
    by_customer = fields.Boolean(readonly=True, help="Raised by the customer on the statement page")
    state = fields.Selection(
        [("open", "Open"), ("accepted", "Accepted"), ("rejected", "Rejected")],
        required=True,
        default="open",
        readonly=True,
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
        self._set_state("accepted")

    def action_reject(self):
        self._set_state("rejected")

    def _set_state(self, state):
        """An open dispute is decided once."""
        self.check_access("write")
        self.filtered(lambda dispute: dispute.state == "open").sudo().write({"state": state})

    def _update_followups(self):
        for followup_sudo in self.followup_id.sudo():
            disputed = any(dispute.state == "open" for dispute in followup_sudo.dispute_ids)
            followup_sudo.disputed = disputed
            followup_sudo._refresh_plan()
            if disputed:
                followup_sudo._ask_responsible("disputed")
