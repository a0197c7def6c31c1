from dataclasses import dataclass
from email.policy import SMTP

from odoo import api, models
from odoo.tools.mail import email_domain_extract, email_normalize, email_split, formataddr


@dataclass(frozen=True)
class Route:
    """How business mail of a company leaves.

    kind: "mailbox", "company" or "global"; carrier: the integration or the server (empty = the server of odoo.conf);
    address: From and envelope; reply_to: where answers go.
    """

    kind: str
    company: models.Model
    carrier: models.Model
    address: str
    reply_to: str


class MailMail(models.Model):
    """The wall: which mails are business mail, and by which door each of them may leave."""

    _inherit = "mail.mail"

    def _is_business_mail(self):
        """A mail of a document whose model sets `_sends_business_mail`, written to somebody outside."""
        self.ensure_one()
        if super()._is_business_mail():
            return True
        model = self.model
        if not model or not self.res_id or model not in self.env:
            return False
        return getattr(self.env[model], "_sends_business_mail", False) and not self._is_internal_notification()

    def _is_internal_notification(self):
        """Assignments, mentions and the like go to colleagues by the system's server."""
        if self.message_type == "user_notification":
            return True
        recipients = self.recipient_ids
        return bool(recipients) and not self.email_to and not any(partner.partner_share for partner in recipients)

    def _business_companies(self):
        """Return {mail: company}; a mail that has lost its document keeps the company of its delivery."""
        companies = {}
        for model, mails in self.sudo().grouped("model").items():
            documents = mails.env[model].browse(mails.mapped("res_id")).exists()
            known = documents._mail_get_companies(default=self.env.company)
            for mail in mails:
                companies[mail] = known.get(mail.res_id) or mail._deliveries().company_id or self.env.company
        return companies

    @api.model
    def _route_of(self, company):
        """The company's primary mailbox (its parent's for a branch), else its own server, else the global server.

        A mailbox that is configured but does not work still is the route: its mail waits.
        """
        mailbox = self.env["inbox.integration"]._primary_for_company(company)
        if mailbox:
            address = email_normalize(mailbox.email_address) or mailbox.email_address
            return Route("mailbox", company, mailbox, address, address)
        own_address = email_normalize(company.email or "") or ""
        server = self.env["ir.mail_server"].sudo().search([("company_id", "=", company.id)], limit=1)
        if server:
            address = (
                email_normalize(server.from_filter or "") or email_normalize(server.smtp_user or "") or own_address
            )
            return Route("company", company, server, address, address)
        server, sender = self.env["ir.mail_server"].sudo()._find_mail_server(company.email_formatted or None)
        return Route("global", company, server, email_normalize(sender or "") or own_address, own_address)

    def _filter_mail_mail_servers(self, mail_servers):
        """System mail never leaves by a company's server; business mail never reads this field (see `send`)."""
        return (
            super()
            ._filter_mail_mail_servers(mail_servers)
            .filtered(lambda server: not server.company_id and not server.inbox_integration_id)
        )

    @api.model_create_multi
    def create(self, vals_list):
        """The document alone decides on the way out: a server named by a user, a template or an intruder is dropped."""
        mails = super().create(vals_list)
        mails.filtered(lambda mail: mail.mail_server_id and mail._is_business_mail()).mail_server_id = False
        return mails

    @api.constrains("mail_message_id", "mail_server_id")
    def _check_mail_server_id(self):
        system = self.filtered(lambda mail: mail.mail_server_id and not mail._is_business_mail())
        return super(MailMail, system)._check_mail_server_id()

    # === THE MESSAGE === #

    def _business_message(self, route):
        """Return (envelope recipients, raw bytes): one message to all addresses of this mail, nothing foreign in its
        headers.
        """
        self.ensure_one()
        parts = self._prepare_outgoing_list(mail_server=route.kind != "mailbox" and route.carrier)
        recipients = list(dict.fromkeys(address for part in parts for address in part["email_to"]))
        copies = [address for part in parts for address in part["email_cc"]]
        first = parts[0]
        headers = {name: value for name, value in first["headers"].items() if name.lower() not in _FOREIGN_HEADERS}
        message = self.env["ir.mail_server"]._build_email__(
            email_from=self._business_name(route, route.address),
            email_to=recipients,
            email_cc=copies,
            reply_to=self._business_reply_to(route),
            subject=first["subject"],
            body=first["body"],
            body_alternative=first["body_alternative"],
            attachments=first["attachments"],
            message_id=self.message_id,
            references=first["references"],
            subtype="html",
            subtype_alternative="plain",
            headers=headers,
        )
        envelope = email_split(", ".join(recipients + copies))
        return tuple(envelope), message.as_bytes(policy=SMTP)

    def _business_reply_to(self, route):
        """The door's own address; by the global server Odoo's catch-all where there is one, else the company's."""
        domain = email_domain_extract(self.reply_to or "")
        if (
            route.kind == "global"
            and domain
            and self.env["mail.alias.domain"].sudo().search_count([("name", "=", domain)], limit=1)
        ):
            return self.reply_to
        return self._business_name(route, route.reply_to or route.address)

    def _business_envelope(self, route):
        """The mailbox; by the global server Odoo's address for bounces, where there is one."""
        if route.kind != "global":
            return route.address
        return self.record_alias_domain_id.bounce_email or route.company.bounce_email or route.address

    def _business_name(self, route, address):
        """The writer's name before the address."""
        author = self.author_id
        name = author.name if author and not author.partner_share and author.user_ids else route.company.name
        return formataddr((name, address))


# "x-msg-to-add" names the other recipients
_FOREIGN_HEADERS = frozenset(["return-path", "x-odoo-objects", "x-msg-to-add", "list-id", "sender"])
