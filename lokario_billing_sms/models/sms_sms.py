from odoo import models


class SmsSms(models.Model):
    _inherit = "sms.sms"

    def _reminders(self):
        """Return {reminder (sudo): its SMS}."""
        ours = self.filtered(lambda sms: sms.sudo().mail_message_id.model == "lokario.followup.reminder")
        reminders = self.env["lokario.followup.reminder"].sudo()
        return {reminders.browse(sms.sudo().mail_message_id.res_id).exists(): sms for sms in ours}

    def _send(self, unlink_failed=False, unlink_sent=True, raise_exception=False):
        """Reminders that are not due any more stay here."""
        per_reminder = self._reminders()
        reminders = self.env["lokario.followup.reminder"].sudo().concat(*per_reminder)
        overtaken = reminders - reminders._still_due()
        stale = self.browse().concat(*(per_reminder[reminder] for reminder in overtaken))
        stale.action_set_canceled()
        overtaken._set_state("cancelled", self.env._("It was no longer due at the moment of sending."))
        if left := self - stale:
            super(SmsSms, left)._send(unlink_failed, unlink_sent, raise_exception)

    def _handle_call_result_hook(self, results):
        super()._handle_call_result_hook(results)
        labels = dict(self._fields["failure_type"]._description_selection(self.env))
        for reminder, sms in self._reminders().items():
            if sms.state == "error":
                reminder._set_state("failed", labels.get(sms.failure_type, ""))
            elif sms.state in ("process", "pending", "sent"):
                reminder._set_state("sent")
                reminder._log_on_documents()
