from odoo import models


class SmsTracker(models.Model):
    _inherit = "sms.tracker"

    def _action_update_from_provider_error(self, provider_error):
        """The operator reports that nobody got it: the history says so."""
        result = super()._action_update_from_provider_error(provider_error)
        messages_sudo = self.env["saas.instance.mail"].sudo().search([("sms_uuid", "in", self.mapped("sms_uuid"))])
        messages_sudo._set_undelivered(provider_error)
        return result
