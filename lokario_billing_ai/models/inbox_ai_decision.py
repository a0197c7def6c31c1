from odoo import models
from odoo.tools import format_amount, format_date

MOST = 20  # documents named to the model


class InboxAiDecision(models.Model):
    _inherit = "inbox.ai.decision"

    def _partner_facts(self):
        """The open quotes and invoices of the customer who wrote, and of no other."""
        facts = super()._partner_facts()
        customer = self.conversation_id.partner_id.commercial_partner_id
        if not customer or not self.message_id._is_authenticated():
            return facts
        own = [("company_id", "=", self.company_id.id), ("partner_id", "child_of", customer.id)]
        moves = self.env["account.move"].search(
            [
                *own,
                ("move_type", "=", "out_invoice"),
                ("state", "=", "posted"),
                ("payment_state", "in", ("not_paid", "partial")),
            ],
            limit=MOST,
        )
        orders = self.env["sale.order"].search([*own, ("state", "=", "sent")], limit=MOST)
        lines = [self._invoice_fact(move) for move in moves] + [self._quote_fact(order) for order in orders]
        return "\n".join(filter(None, [facts, *lines]))

    def _invoice_fact(self, move):
        amount = format_amount(self.env, move.amount_residual, move.currency_id)
        return f"Open invoice {move.name}: {amount} to pay, due {format_date(self.env, move.invoice_date_due)}"

    def _quote_fact(self, order):
        amount = format_amount(self.env, order.amount_total, order.currency_id)
        valid = format_date(self.env, order.validity_date) if order.validity_date else "no end date"
        return f"Open quote {order.name}: {amount}, valid until {valid}"
