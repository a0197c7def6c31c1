import uuid

from odoo import models
from odoo.exceptions import UserError
from odoo.tools.mail import email_normalize_all

from ..tools import admin_credentials


class SaasCredentials(models.AbstractModel):
    """Issues the administrator's credentials of a running instance anew, to its client alone."""

    _name = "saas.credentials"
    _description = "Credentials of SaaS Instances"

    def _issue(self, instance):
        """A new password, and the mail that carries it; the old one stops working."""
        self._check_recipient(instance)
        if instance.state != "active":
            raise UserError(self.env._("Only an active instance can be given new credentials."))
        with instance._operation("credentials"):
            self._renew_password(instance)
        with instance._own_transaction() as own:
            own._set_guarded(credentials_email=own.partner_id.email)
            own.message_post(body=own.env._("%s issued new credentials.", own.env.user.name))
            own._queue_lifecycle_email("provisioned")

    def _check_recipient(self, instance):
        """Credentials go to the client, at the address, that the instance was made for; an administrator moves them."""
        client = instance.partner_id
        first, now = (email_normalize_all(text) or [text] for text in (instance.credentials_email, client.email))
        if first == now or instance._is_administrator():
            return
        raise UserError(
            self.env._(
                "The instance was made for %(first)s, and its client's address is %(now)s today. "
                "Ask a SaaS administrator to send the credentials there.",
                first=instance.credentials_email or "?",
                now=client.email or "?",
            )
        )

    def _renew_password(self, instance):
        password = admin_credentials.RESERVE.take()
        with instance._own_transaction() as own:
            own._set_guarded(attempt=str(uuid.uuid4()))
            own.sudo()._set_guarded(pending_password=password.text)
        with instance._database().session() as connection:
            admin_credentials.set_password(connection, password.hash())
