from itertools import accumulate

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class FollowupPlan(models.Model):
    """Agreed instalments of a debt: reminders wait while they are paid in time; one that is not brings them back."""

    _name = "lokario.followup.plan"
    _inherit = ["lokario.access.mixin"]
    _description = "Payment plan"
    _order = "id desc"

    followup_id = fields.Many2one("lokario.followup", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="followup_id.company_id", store=True, precompute=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    claim_before = fields.Monetary(
        string="Due when agreed", compute="_compute_claim_before", store=True, precompute=True
    )
    line_ids = fields.One2many("lokario.followup.plan.line", "plan_id", string="Instalments", copy=True)
    cancelled = fields.Boolean()
    outcome = fields.Selection(
        [("kept", "Being kept"), ("broken", "Broken"), ("paid", "Paid"), ("cancelled", "Cancelled")],
        compute="_compute_outcome",
        compute_sudo=True,
    )
    next_on = fields.Date(string="Next instalment", compute="_compute_outcome", compute_sudo=True)

    @api.depends("followup_id")
    def _compute_claim_before(self):
        for plan in self:
            plan.claim_before = plan.followup_id.sudo()._left_to_pay()

    @api.depends("line_ids.date", "line_ids.amount", "cancelled", "followup_id.move_id.amount_residual_signed")
    def _compute_outcome(self):
        for plan in self:
            plan.next_on = plan._unpaid_since()
            broken = plan.next_on and plan.next_on < plan.company_id._followup_today()
            open_or_paid = "kept" if plan.next_on else "paid" if plan.line_ids else False
            plan.outcome = "cancelled" if plan.cancelled else "broken" if broken else open_or_paid

    @api.constrains("line_ids")
    def _check_lines(self):
        for plan in self:
            if not plan.line_ids or any(line.amount <= 0 for line in plan.line_ids):
                raise ValidationError(self.env._("A payment plan needs instalments with a day and an amount."))

    @api.model_create_multi
    def create(self, vals_list):
        plans = super().create(vals_list)
        plans.followup_id._refresh_plan()
        return plans

    def write(self, vals):
        result = super().write(vals)
        self.followup_id._refresh_plan()
        return result

    def _unpaid_since(self, covered=None):
        """Return the day of the first instalment that is not paid yet; False when all are."""
        paid = self.claim_before - self.followup_id._left_to_pay(covered) + self.company_id.followup_tolerance
        lines = self.line_ids.sorted("date")
        sums = accumulate(lines.mapped("amount"))
        return next((line.date for line, due in zip(lines, sums, strict=True) if due > paid), False)

    def _held_until(self, today, covered):
        """Return the last day on which one of these plans holds the reminders."""
        days = [plan._unpaid_since(covered) for plan in self if not plan.cancelled]
        return max((day for day in days if day and day >= today), default=None)
