from odoo import fields, models


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    company_id = fields.Many2one(
        "res.company",
        index=True,
        ondelete="cascade",
        help="Business mail of this company leaves by this server while the company has no mailbox in the inbox.",
    )

    def _filter_mail_servers_fallback(self, servers):
        """A server that belongs to a company is nobody's fallback."""
        return super()._filter_mail_servers_fallback(servers).filtered(lambda server: not server.company_id)

    def _find_mail_server_allowed_domain(self):
        return super()._find_mail_server_allowed_domain() & fields.Domain("company_id", "=", False)
