from odoo import api, models
from odoo.tools import format_amount, format_date

MOST = 20  # documents of each kind


class InboxAnswerComposer(models.AbstractModel):
    """Slots of a customer's own quotes, orders and invoices."""

    _inherit = "inbox.answer.composer"

    @api.model
    def _slot_kinds(self):
        return {
            **super()._slot_kinds(),
            "invoice": ("number", "amount", "due_date", "link"),
            "quote": ("number", "amount", "valid_until", "link"),
            "order": ("number", "date", "link"),
        }

    @api.model
    def _customer_records(self, customer, company):
        own = [("company_id", "=", company.id), ("partner_id", "child_of", customer.id)]
        unpaid = [("state", "=", "posted"), ("payment_state", "in", ("not_paid", "partial"))]
        moves = self.env["account.move"].search([*own, ("move_type", "=", "out_invoice"), *unpaid], limit=MOST)
        quotes = self.env["sale.order"].search([*own, ("state", "=", "sent")], limit=MOST)
        orders = self.env["sale.order"].search([*own, ("state", "=", "sale")], limit=MOST)
        return [*super()._customer_records(customer, company), *moves, *quotes, *orders]

    @api.model
    def _record_kind(self, record):
        if record._name == "account.move":
            return "invoice"
        if record._name == "sale.order":
            return "order" if record.state == "sale" else "quote"
        return super()._record_kind(record)

    @api.model
    def _record_label(self, record):
        kind = self._record_kind(record)
        if kind == "invoice":
            amount = format_amount(self.env, record.amount_residual, record.currency_id)
            return f"Open invoice {record.name}: {amount} to pay, due {format_date(self.env, record.invoice_date_due)}"
        if kind == "quote":
            amount = format_amount(self.env, record.amount_total, record.currency_id)
            valid = format_date(self.env, record.validity_date) if record.validity_date else "no end date"
            return f"Open quote {record.name}: {amount}, valid until {valid}"
        if kind == "order":
            return f"Order {record.name} of {format_date(self.env, record.date_order)}"
        return super()._record_label(record)

    @api.model
    def _record_values(self, record, lang):
        kind = self._record_kind(record)
        common = {"number": self._safe_number(record.name), "link": self._portal_link(record)}
        if kind == "invoice":
            amount = self._safe_amount(record.amount_residual, record.currency_id, lang)
            return {**common, "amount": amount, "due_date": self._safe_date(record.invoice_date_due, lang)}
        if kind == "quote":
            amount = self._safe_amount(record.amount_total, record.currency_id, lang)
            return {**common, "amount": amount, "valid_until": self._safe_date(record.validity_date, lang)}
        if kind == "order":
            return {**common, "date": self._safe_date(record.date_order, lang)}
        return super()._record_values(record, lang)
