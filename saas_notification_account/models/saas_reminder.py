from odoo import fields, models


class SaasReminder(models.Model):
    _inherit = "saas.reminder"

    def _unpaid_since(self, instance):
        """The day on which the client's oldest unpaid invoice of this company was due."""
        client = instance.partner_id.commercial_partner_id
        overdue = [
            ("company_id", "=", instance.company_id.id),
            ("commercial_partner_id", "=", client.id),
            ("move_type", "=", "out_invoice"),
            ("state", "=", "posted"),
            ("payment_state", "in", ("not_paid", "partial")),
            ("invoice_date_due", "<", fields.Date.context_today(self)),
        ]
        invoice_sudo = self.env["account.move"].sudo().search(overdue, order="invoice_date_due", limit=1)
        return invoice_sudo.invoice_date_due or super()._unpaid_since(instance)
