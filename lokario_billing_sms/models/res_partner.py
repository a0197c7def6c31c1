from odoo import models


class ResPartner(models.Model):
    _inherit = "res.partner"

    def _reminder_address(self, channel):
        """Whose number is on the blacklist of phones gets no SMS."""
        if channel == "sms" and self.sudo().phone_sanitized_blacklisted:
            return False
        return super()._reminder_address(channel)
