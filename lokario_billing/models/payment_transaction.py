from datetime import timedelta

from odoo import models

# days that a provider may take; a wire transfer that was only announced has its own number of the company
PATIENCE = {"pending": 3, "authorized": 30, "done": 30}


class PaymentTransaction(models.Model):
    _inherit = "payment.transaction"

    def _last_day_of_waiting(self):
        """Return the last day on which these payments of one document hold its reminders.

        A wire transfer that was announced again and again counts from the first time.
        """
        announced = self.filtered(lambda each: each.provider_code == "custom" and each.state == "pending")
        counted = self - announced | announced.sorted("create_date")[:1]
        return max(each.create_date.date() + timedelta(days=each._patience()) for each in counted)

    def _patience(self):
        if self.provider_code == "custom" and self.state == "pending":
            return self.company_id.followup_transfer_days
        return PATIENCE[self.state]
