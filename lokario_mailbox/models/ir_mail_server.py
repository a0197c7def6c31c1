from email.utils import parseaddr

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import email_normalize, formataddr

from ..tools import smtp_client


class IrMailServer(models.Model):
    """A company mailbox as mail server: chosen only by name, its sessions opened and logged in by the mailbox."""

    _inherit = "ir.mail_server"

    inbox_integration_id = fields.Many2one("inbox.integration", ondelete="cascade", index="btree_not_null", copy=False)
    smtp_authentication = fields.Selection(
        selection_add=[("inbox", "Inbox Integration")], ondelete={"inbox": "cascade"}
    )

    _inbox_integration_uniq = models.UniqueIndex(
        "(inbox_integration_id) WHERE inbox_integration_id IS NOT NULL", "A mailbox has one mail server."
    )

    # === SELECTION: A MAILBOX IS NOBODY'S DEFAULT AND NOBODY'S FALLBACK === #

    def _find_mail_server_allowed_domain(self):
        return super()._find_mail_server_allowed_domain() & Domain("inbox_integration_id", "=", False)

    def _filter_mail_servers_fallback(self, servers):
        return super()._filter_mail_servers_fallback(servers).filtered(lambda server: not server.inbox_integration_id)

    def _find_mail_server(self, email_from, mail_servers=None):
        """A list of one mailbox chooses it, with its address; in a longer list mailboxes are left out.

        Odoo's own reset and invitation mails carry the company's address: matched by `from_filter` they would leave by
        the company's mailbox.
        """
        if mail_servers:
            mailboxes = mail_servers.filtered("inbox_integration_id")
            if len(mailboxes) == 1 and mailboxes == mail_servers:
                return mailboxes, mailboxes.inbox_integration_id.email_address
            mail_servers -= mailboxes
        return super()._find_mail_server(email_from, mail_servers)

    def _check_forced_mail_server(self, mail_server, allow_archived, smtp_from):
        super()._check_forced_mail_server(mail_server, allow_archived, smtp_from)
        integration = mail_server.inbox_integration_id
        if not integration:
            return
        if not integration.active:
            raise UserError(self.env._("The mailbox %s is archived: nothing can be sent from it.", mail_server.name))
        if smtp_from and email_normalize(smtp_from) not in integration._sender_addresses():
            raise UserError(
                self.env._(
                    "The mailbox %(name)s does not send for %(address)s.", name=mail_server.name, address=smtp_from
                )
            )

    # === CONNECTION AND LOGIN === #

    def _connect__(self, *args, mail_server_id=None, **kwargs):
        """A mailbox's session is opened by its integration. Raises smtp_client.SubmissionFailed."""
        server_sudo = self.sudo().browse(mail_server_id)
        if not mail_server_id or not server_sudo.inbox_integration_id or self._disable_send():
            return super()._connect__(*args, mail_server_id=mail_server_id, **kwargs)
        self._check_forced_mail_server(server_sudo, kwargs.get("allow_archived"), kwargs.get("smtp_from"))
        return server_sudo.inbox_integration_id._open_smtp__()

    # === THE MESSAGE === #

    def _prepare_email_message__(self, message, smtp_session):
        """Through a mailbox: From, envelope sender and Reply-To are the mailbox; no other domain is named."""
        integration = self.env["inbox.integration"].browse(getattr(smtp_session, "inbox_integration_id", None) or ())
        if not integration:
            return super()._prepare_email_message__(message, smtp_session)
        address = integration.sudo().email_address
        for header in ("Return-Path", "Reply-To", "Sender"):
            del message[header]
        message["Reply-To"] = address
        name = parseaddr(message["From"] or "")[0] or integration.sudo().company_id.name
        message.replace_header("From", formataddr((name, address)))
        smtp_session.smtp_from = message["From"]
        mailbox_self = self.with_context(domain_notifications_email=address, domain_bounce_address=address)
        return super(IrMailServer, mailbox_self)._prepare_email_message__(message, smtp_session)

    def send_email(self, message, mail_server_id=None, *args, smtp_session=None, **kwargs):
        """Through a mailbox: one transaction for all recipients; raises smtp_client.SubmissionFailed with its stage."""
        if not getattr(smtp_session, "inbox_integration_id", None):
            return super().send_email(message, mail_server_id, *args, smtp_session=smtp_session, **kwargs)
        sender, recipients, message = self._prepare_email_message__(message, smtp_session)
        integration = self.env["inbox.integration"].browse(smtp_session.inbox_integration_id)
        hidden = integration.sudo()._hidden_copy_address(recipients)
        raw = message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
        before_end = self.env.context.get("inbox_before_end")
        smtp_client.submit(
            smtp_session, sender, recipients, raw, optional=filter(None, [hidden]), before_end=before_end
        )
        integration.sudo()._queue_sent_copy(message["Message-Id"], raw, hidden_copy=bool(hidden))
        return message["Message-Id"]
