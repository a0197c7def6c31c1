from odoo import models


class SaasInstanceMail(models.Model):
    _inherit = "saas.instance.mail"

    def _set_sent(self):
        super()._set_sent()
        self._notify_outcome()

    def _set_failed(self, reason):
        super()._set_failed(reason)
        self._notify_outcome()

    def _set_skipped(self, reason):
        super()._set_skipped(reason)
        self._notify_outcome()

    def _set_unknown(self, reason):
        super()._set_unknown(reason)
        self._notify_outcome()

    def _notify_outcome(self):
        """The webhooks learn what became of which message; neither its text nor its address."""
        targets = self.env["saas.webhook.target"]
        for mail in self:
            about = {"id": mail.id, "kind": mail.kind, "channel": mail.channel}
            targets._notify(mail.instance_id, f"message.{mail.state}", message=about)
