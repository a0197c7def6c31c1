from odoo import fields, models


class FollowupPlanLine(models.Model):
    _name = "lokario.followup.plan.line"
    _inherit = ["lokario.access.mixin"]
    _description = "Instalment of a payment plan"
    _order = "date, id"

    plan_id = fields.Many2one("lokario.followup.plan", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="plan_id.company_id", store=True)
    currency_id = fields.Many2one(related="plan_id.currency_id")
    date = fields.Date(required=True)
    amount = fields.Monetary(required=True)
