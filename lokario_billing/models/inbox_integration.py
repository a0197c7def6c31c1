from datetime import timedelta

from odoo import fields, models

DAY = timedelta(days=1)
TRUST = timedelta(days=7)  # after this a learned limit is tried again


class InboxIntegration(models.Model):
    _inherit = "inbox.integration"

    daily_quota = fields.Integer(
        readonly=True, copy=False, help="Mails in 24 hours after which the provider refused more; 0 = not known."
    )
    daily_quota_learned_at = fields.Datetime(readonly=True, copy=False)

    def _is_sending_held(self):
        until = self.sending_hold_until
        return self.state == "paused" or bool(until and until > fields.Datetime.now())

    def _accepted_last_day(self):
        """Return the instants of the mails that the provider accepted within 24 hours, oldest first."""
        since = fields.Datetime.now() - DAY
        domain = [("integration_id", "=", self.id), ("sent_at", ">", since)]
        business = self.env["lokario.delivery"].sudo().search(domain).mapped("sent_at")
        answers = self.env["inbox.outgoing"].sudo().search(domain).mapped("sent_at")
        return sorted(business + answers)

    def _learn_quota(self):
        """The provider said "too many": what it took within the last day is its limit."""
        count = len(self._accepted_last_day())
        if count:
            self.sudo().write({"daily_quota": count, "daily_quota_learned_at": fields.Datetime.now()})

    def _allowance(self):
        """Return (how many mails may leave now, when the next one may); None as the number = no known limit."""
        learned_at = self.daily_quota_learned_at
        if not self.daily_quota or learned_at < fields.Datetime.now() - TRUST:
            return None, None
        accepted = self._accepted_last_day()
        free = self.daily_quota - len(accepted)
        return (free, None) if free > 0 else (0, accepted[-self.daily_quota] + DAY)
