from datetime import timedelta

from odoo import api, fields, models

BY_CUSTOMER = 20  # of one document, decided ones included: whoever has the page's link may write them


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
    answer_by = fields.Date(
        string="To be answered by",
        compute="_compute_answer_by",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
    )
    answered_on = fields.Date(readonly=True)
    by_customer = fields.Boolean(readonly=True, help="Raised by the customer on the statement page")
    state = fields.Selection(
        [("open", "Open"), ("accepted", "Accepted"), ("rejected", "Rejected")],
        required=True,
        default="open",
        readonly=True,
    )

    @api.depends("followup_id")
    def _compute_answer_by(self):
        for dispute in self:
            company = dispute.company_id
            raised_on = company._followup_window().local_day(dispute.create_date or fields.Datetime.now())
            dispute.answer_by = raised_on + timedelta(days=company.followup_dispute_days)

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
        for dispute_sudo in self.filtered(lambda dispute: dispute.state == "open").sudo():
            dispute_sudo.write({"state": state, "answered_on": dispute_sudo.company_id._followup_today()})

    @api.model
    def _may_be_raised(self, followup):
        """Whether the customer may dispute this document once more on the statement page."""
        return len(followup.dispute_ids.filtered("by_customer")) < BY_CUSTOMER

    def _update_followups(self):
        for followup_sudo in self.followup_id.sudo():
            waiting = followup_sudo.dispute_ids.filtered(lambda dispute: dispute.state == "open")
            followup_sudo.disputed = bool(waiting)
            followup_sudo._refresh_plan()
            if waiting:
                followup_sudo._ask_responsible("disputed", date_deadline=min(waiting.mapped("answer_by")))
