from odoo import fields, models


class InboxIntegration(models.Model):
    _inherit = "inbox.integration"

    def _is_sending_held(self):
        until = self.sending_hold_until
        return self.state == "paused" or bool(until and until > fields.Datetime.now())
