from odoo import models


class SaasReminder(models.Model):
    _inherit = "saas.reminder"

    def _unpaid_since(self, instance):
        """The day on which the client's oldest unpaid instalment of an invoice of this company was due."""
        client = instance.partner_id.commercial_partner_id
        overdue = [
            ("company_id", "=", instance.company_id.id),
            ("move_id.commercial_partner_id", "=", client.id),
            ("move_id.move_type", "=", "out_invoice"),
            ("parent_state", "=", "posted"),
            ("move_id.payment_state", "in", ("not_paid", "partial")),
            ("account_type", "=", "asset_receivable"),
            ("amount_residual", ">", 0),
            ("date_maturity", "<", self._today()),
        ]
        line_sudo = self.env["account.move.line"].sudo().search(overdue, order="date_maturity", limit=1)
        return line_sudo.date_maturity or super()._unpaid_since(instance)
