from odoo import fields, models

from ..const import AUTO_CHOICES


class SaleOrder(models.Model):
    _name = "sale.order"
    _inherit = ["lokario.followup.answers", "sale.order", "lokario.business.document", "lokario.access.mixin"]

    followup_auto = fields.Selection(
        AUTO_CHOICES, string="Automatic follow-up", required=True, default="default", copy=False
    )
    followup_ids = fields.One2many("lokario.followup", "order_id", string="Follow-up")
    followup_why = fields.Selection(related="followup_ids.why", string="Follow-up: on hold because")
    followup_next_at = fields.Datetime(related="followup_ids.next_at", string="Next reminder")

    def _followup_values(self):
        self.ensure_one()
        return {
            "kind": "quote",
            "source": "quote",
            "company_id": self.company_id.id,
            "partner_id": self.partner_id.id,
            "order_id": self.id,
            "due_date": self.validity_date,
            "sent_date": self._followup_sent_date(),
            "amount": self._amount_in_company_currency(),
            "claim_amount": self.amount_total,
        }

    def _followup_sent_date(self):
        """Return the day the customer got the quote: its mail, else the day it was marked as sent, else its date."""
        latest = self.env["lokario.delivery"]._latest_of(self).get(self.id)
        marked = self.message_ids.filtered(
            lambda message: "state" in message.sudo().tracking_value_ids.field_id.mapped("name")
        )
        at = (latest and latest.sent_at) or max(marked.mapped("date"), default=self.date_order)
        return self.company_id._followup_window().local_day(at)

    def _amount_in_company_currency(self):
        self.ensure_one()
        return self.company_id.currency_id.round(self.amount_total / (self.currency_rate or 1.0))

    def action_view_followup(self):
        self.ensure_one()
        return self.env["lokario.followup"]._open_for(self)

    def _deliveries_changed(self, deliveries):
        """Reminders of a quote count from the day its mail was accepted, not from the click."""
        sent = self.browse(deliveries.filtered(lambda delivery: delivery.state == "sent").mapped("res_id"))
        for company, orders in sent.grouped("company_id").items():
            orders.followup_ids.write({"sent_date": company._followup_today()})
