from odoo import api, fields, models


class FollowupCopy(models.Model):
    """Who else gets a customer's reminders: a mail of his own, or a visible copy; each company has its own readers."""

    _name = "lokario.followup.copy"
    _inherit = ["lokario.access.mixin"]
    _description = "Copy of reminders"

    customer_id = fields.Many2one("res.partner", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", required=True, ondelete="cascade")
    partner_id = fields.Many2one("res.partner", string="Reader", required=True, ondelete="cascade", index=True)
    kind = fields.Selection([("cc", "Copy"), ("to", "A mail of his own")], required=True, default="cc")

    _reader_uniq = models.Constraint(
        "UNIQUE(customer_id, company_id, partner_id)", "This contact already gets the customer's reminders."
    )

    @api.model
    def _of(self, customers, company, kind):
        return self.search([("customer_id", "in", customers.ids), ("company_id", "=", company.id), ("kind", "=", kind)])
