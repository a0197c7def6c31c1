from odoo import api, models

from ..tools.caller import without_callers_defaults
from ..tools.plain_text import plain_text


class MailMail(models.Model):
    _inherit = "mail.mail"

    @api.model_create_multi
    def create(self, vals_list):
        """A mail that is made through ``sudo()`` has the attachments and recipients its code names, no others."""
        model = without_callers_defaults(self) if self.env.su else self
        return super(MailMail, model).create(vals_list).with_env(self.env)

    def _is_business_mail(self) -> bool:
        """Whether an addon sends this one mail itself, from a company's own mailbox.

        The hook by which an addon claims mails: it returns True for its own and calls super for the rest. A mail that
        no addon claims is system mail and leaves by the global server.
        """
        self.ensure_one()
        return False

    def _prepare_outgoing_list(self, *args, **kwargs):
        """Odoo's plain text repeats the hidden preview of its templates, hundreds of invisible characters included."""
        mails = super()._prepare_outgoing_list(*args, **kwargs)
        return [{**mail, "body_alternative": plain_text(mail["body"])} for mail in mails]

    def _filter_mail_mail_servers(self, mail_servers):
        """System mail has no other choice than the global server, if there is one."""
        servers = super()._filter_mail_mail_servers(mail_servers)
        if any(mail.mail_server_id for mail in self):
            return servers
        server = self.env["ir.mail_server"]._global_server()
        return server if server or self.env["ir.mail_server"]._environment_server() else servers
