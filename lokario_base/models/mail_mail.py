from odoo import models


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _is_business_mail(self) -> bool:
        """Whether an addon sends this one mail itself, from a company's own mailbox.

        The hook by which an addon claims mails: it returns True for its own and calls super for the rest. A mail that
        nobody claims is system mail and leaves by the global server.
        """
        self.ensure_one()
        return False
