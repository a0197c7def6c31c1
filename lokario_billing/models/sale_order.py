from odoo import api, fields, models

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

    followup_warning = fields.Char(compute="_compute_followup_warning")

    @api.depends("partner_id", "company_id", "state")
    def _compute_followup_warning(self):
        for order in self:
            block, level = order._followup_block() if order.state in ("draft", "sent") else (False, None)
            order.followup_warning = block and self.env._(
                "This customer owes overdue invoices; the last reminder was “%s”.", level.sudo().name
            )

    def _followup_block(self):
        """Return (what the follow-ups of the customer say of new orders, the level that says it)."""
        debts = self.env["lokario.followup.step"].sudo()._latest_of_debts(self.partner_id, self.company_id)
        levels = debts.level_id.filtered("order_block").sorted(lambda level: (level.order_block != "hold", -level.days))
        return levels[:1].order_block, levels[:1]

    def _confirmation_error_message(self):
        """A colleague is held back; a customer who signs or pays online is not."""
        refusal = super()._confirmation_error_message()
        block, level = self._followup_block()
        manager = self.env.user.has_group("lokario_billing.group_lokario_billing_manager")
        if refusal or block != "hold" or manager or self.env.su or not self.env.user._is_internal():
            return refusal
        return self.env._(
            "This customer owes overdue invoices (last reminder: %s). Ask a billing manager to confirm the order.",
            level.sudo().name,
        )

    def write(self, vals):
        """A quote that was taken back and is sent again is a new one for its customer."""
        again = self.filtered(lambda order: order.state == "draft") if vals.get("state") == "sent" else self.browse()
        result = super().write(vals)
        for company, orders in again.filtered("followup_ids").grouped("company_id").items():
            orders.sudo().followup_ids.sent_date = company._followup_today()
        return result

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
        mailed = latest.filtered("sent_at").mapped("sent_at") if latest else []
        at = max(mailed or marked.mapped("date"), default=self.date_order)
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
