from odoo import models
from odoo.tools import formatLang


class FollowupReminder(models.Model):
    _inherit = "lokario.followup.reminder"

    def _prepare_channel(self, channel):
        if channel == "sms":
            self._prepare_sms()
        else:
            super()._prepare_channel(channel)

    def _prepare_sms(self):
        for level, reminders in self.grouped("level_id").items():
            texts = level._sms_template().sudo()._render_field("body", reminders.ids, compute_lang=True)
            for reminder in reminders:
                reminder._queue_sms(texts[reminder.id])

    def _queue_sms(self, text):
        """Odoo's own queue sends it; it asks again whether it is due (see sms.sms)."""
        partner = self.partner_id
        self.sudo()._message_sms(
            text, partner_ids=partner.ids, sms_pid_to_number={partner.id: self.address}, put_in_queue=True
        )

    def _holds(self, fingerprints, expected):
        """The blacklist of phones is asked again, too."""
        reached = self.channel != "sms" or self.partner_id._reminder_address("sms")
        return bool(reached) and super()._holds(fingerprints, expected)

    def _total_in_words(self):
        return " + ".join(formatLang(self.env, total, currency_obj=currency) for total, currency in self._totals())
