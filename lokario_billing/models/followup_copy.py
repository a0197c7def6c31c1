from odoo import api, fields, models


class FollowupCopy(models.Model):
    """Who gets a copy of a customer's reminders; each company has its own."""

    _name = "lokario.followup.copy"
    _inherit = ["lokario.access.mixin"]
    _description = "Copy of reminders"

    customer_id = fields.Many2one("res.partner", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", required=True, ondelete="cascade")
    partner_id = fields.Many2one("res.partner", string="Reader", required=True, ondelete="cascade", index=True)

    _reader_uniq = models.Constraint(
        "UNIQUE(customer_id, company_id, partner_id)", "This contact already gets a copy of the customer's reminders."
    )

    @api.model
    def _of(self, customers, company):
        return self.search([("customer_id", "in", customers.ids), ("company_id", "=", company.id)])
