from datetime import timedelta

from odoo import models

# days that a provider may take; a wire transfer that was only announced has its own number of the company
PATIENCE = {"pending": 3, "authorized": 30, "done": 30}
DIRECT_DEBIT = 14  # days until a bank has taken the money, or said that it does not


class PaymentTransaction(models.Model):
    _inherit = "payment.transaction"

    def _last_days_of_waiting(self):
        """Return the facts that these payments make of their document: until when they hold its reminders."""
        debits = self.filtered(lambda each: each._is_direct_debit())
        return {
            "payment_until": (self - debits)._last_day_of_waiting(),
            "debit_until": debits._last_day_of_waiting(),
        }

    def _last_day_of_waiting(self):
        """A wire transfer that was announced again and again counts from the first time."""
        announced = self.filtered(lambda each: each.provider_code == "custom" and each.state == "pending")
        counted = self - announced | announced.sorted("create_date")[:1]
        return max((each._announced_on() + timedelta(days=each._patience()) for each in counted), default=None)

    def _announced_on(self):
        return self.company_id._followup_window().local_day(self.create_date)

    def _is_direct_debit(self):
        return (self.payment_method_id.code or "").endswith("direct_debit")

    def _patience(self):
        if self._is_direct_debit():
            return DIRECT_DEBIT
        if self.provider_code == "custom" and self.state == "pending":
            return self.company_id.followup_transfer_days
        return PATIENCE[self.state]
