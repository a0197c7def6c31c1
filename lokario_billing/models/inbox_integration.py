from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.lokario_inbox.const import SMTP_PORTS
from odoo.addons.lokario_inbox.exceptions import AddressRefused, MailboxError
from odoo.addons.lokario_inbox.tools import smtp_client

SMTP_TIMEOUT = 30  # seconds a mailbox's server may take for each answer


class InboxIntegration(models.Model):
    _inherit = "inbox.integration"

    def _is_sending_held(self):
        until = self.sending_hold_until
        return self.state == "paused" or bool(until and until > fields.Datetime.now())

    def _session_opener__(self):
        """Return an opener of a logged-in SMTP session made of scalars only: it runs in a thread.

        :raises SubmissionFailed: when the mailbox cannot be tried at all
        """
        self.ensure_one()
        integration = self.sudo()
        try:
            pinned = self._host_policy(SMTP_PORTS).pin(integration.smtp_host, integration.smtp_port)
            method, secret = integration._sending_credentials__()
        except AddressRefused as refusal:
            raise smtp_client.SubmissionFailed("connect", None, str(refusal)) from refusal
        except (MailboxError, UserError) as refusal:
            raise smtp_client.SubmissionFailed("login", 535, str(refusal)) from refusal
        security, user = integration.smtp_security, integration.login or integration.email_address
        context = self._smtp_tls_context__()
        timeout = int(self.env["ir.config_parameter"].sudo().get_param("lokario_billing.smtp_timeout", SMTP_TIMEOUT))

        def open_session():
            session = smtp_client.connect(
                pinned.host, pinned.port, security, address=pinned.address, context=context, timeout=timeout
            )
            try:
                with smtp_client.login_stage():
                    smtp_client.login(session, user, secret, method)
            except BaseException:
                session.close()
                raise
            return session

        return open_session
