from odoo import fields, models
from odoo.tools import email_normalize


class IrMailServer(models.Model):
    """The outgoing server of a company without a mailbox: chosen by name only, and it sends as its own address."""

    _inherit = "ir.mail_server"

    company_id = fields.Many2one(
        "res.company",
        index=True,
        ondelete="cascade",
        help="Business mail of this company leaves by this server while the company has no mailbox.",
    )

    def _company_address(self):
        candidates = (self.from_filter, self.smtp_user, self.company_id.email)
        return next(filter(None, (email_normalize(address or "") for address in candidates)), "")

    def _filter_mail_servers_fallback(self, servers):
        """A server that belongs to a company is no other company's fallback."""
        return super()._filter_mail_servers_fallback(servers).filtered(lambda server: not server.company_id)

    def _find_mail_server_allowed_domain(self):
        return super()._find_mail_server_allowed_domain() & fields.Domain("company_id", "=", False)

    def _find_mail_server(self, email_from, mail_servers=None):
        if mail_servers and len(mail_servers) == 1 and mail_servers.company_id:
            return mail_servers, mail_servers._company_address() or email_from
        return super()._find_mail_server(email_from, mail_servers)

    def _connect__(self, *args, mail_server_id=None, **kwargs):
        connection = super()._connect__(*args, mail_server_id=mail_server_id, **kwargs)
        server = self.sudo().browse(mail_server_id or ())
        if connection is not None and server.company_id:
            connection.lokario_address = connection.smtp_from = server._company_address()
        return connection
