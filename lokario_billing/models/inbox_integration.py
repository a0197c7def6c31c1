from odoo import models

from odoo.addons.lokario_inbox.const import SMTP_PORTS
from odoo.addons.lokario_inbox.exceptions import AddressRefused
from odoo.addons.lokario_inbox.tools import smtp_client


class InboxIntegration(models.Model):
    _inherit = "inbox.integration"

    def _open_business_session__(self):
        """Return an opener of a logged-in SMTP session, made of scalars only: it runs in a thread.

        :raises SubmissionFailed: when the mailbox cannot be tried at all
        """
        self.ensure_one()
        if not self.active or self.state == "paused":
            raise smtp_client.SubmissionFailed("login", 535, self.env._("The mailbox is paused."))
        try:
            pinned = self._host_policy(SMTP_PORTS).pin(self.smtp_host, self.smtp_port)
        except AddressRefused as refusal:
            raise smtp_client.SubmissionFailed("connect", None, str(refusal)) from refusal
        security = self.smtp_security
        login, secret = self.login or self.email_address, self._reveal_secret__("email_password") or ""

        def open_session():
            session = smtp_client.connect(pinned.host, pinned.port, security, address=pinned.address)
            with smtp_client.login_stage():
                session.login(login, secret)
            return session

        return open_session

    def _evidence_copy(self):
        """Addresses that get a blind copy, so that the mailbox itself can prove what was accepted."""
        return (self.email_address,)
