from odoo import models


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _prepare_outgoing_body(self):
        """Put the credentials of a new instance into the body, which is not stored."""
        body = super()._prepare_outgoing_body()
        credentials = self.env.context.get("saas_credentials")
        return credentials.fill(body) if credentials else body
