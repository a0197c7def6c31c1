from odoo import models


class SmsTracker(models.Model):
    _inherit = "sms.tracker"

    def _action_update_from_provider_error(self, provider_error):
        """The operator says later that nobody got it: the reminder is no level."""
        result = super()._action_update_from_provider_error(provider_error)
        messages = self.sudo().mail_notification_id.mail_message_id
        ours = messages.filtered(lambda message: message.model == "lokario.followup.reminder")
        reminders = self.env["lokario.followup.reminder"].sudo().browse(ours.mapped("res_id"))
        reminders._set_state("failed", self.env._("The SMS was not delivered: %s", provider_error))
        reminders.step_ids.followup_id._refresh_plan()
        return result
