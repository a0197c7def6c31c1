from odoo import models


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _send(self, *args, **kwargs):
        """A message to a client is claimed once the mail server is there; what another worker has claimed stays."""
        claim = self.env.context.get("saas_claim")
        return super()._send(*args, **kwargs) if not callable(claim) or claim() else None

    def _prepare_outgoing_body(self):
        """Put the credentials of a new instance into the body, which is not stored."""
        body = super()._prepare_outgoing_body()
        credentials = self.env.context.get("saas_credentials")
        return credentials.fill(body) if credentials else body
