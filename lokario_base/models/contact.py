import logging
from datetime import timedelta

from odoo import api, models
from odoo.tools import email_normalize, formataddr, plaintext2html

from ..tools.contact import ContactMessage, network_of

_logger = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
PER_ADDRESS = 5  # messages an hour from one e-mail address
PER_NETWORK = 20  # messages an hour from one network


class Contact(models.AbstractModel):
    """Messages of the contact form."""

    _name = "lokario.contact"
    _description = "Contact Form"

    @api.model
    def _may_send(self, message: ContactMessage, remote_address: str) -> bool:
        """Whether neither the visitor's address nor the network has sent too much this hour."""
        limits = self.env["lokario.rate.limit"].sudo()
        return limits._take("contact-network", network_of(remote_address), PER_NETWORK, HOUR) and limits._take(
            "contact-address", message.email.lower(), PER_ADDRESS, HOUR
        )

    @api.model
    def _receive(self, message: ContactMessage, company):
        """Queue the mail to the company, by the system server, and let addons keep the message."""
        company_sudo = company.sudo()
        recipient = company_sudo.contact_email or company_sudo.email
        lines = [
            self.env._("Name: %s", message.name),
            self.env._("E-mail: %s", message.email),
            self.env._("Company: %s", message.company or "–"),
        ]
        mail_sudo = (
            self.env["mail.mail"]
            .sudo()
            .create(
                {
                    "subject": self.env._("Contact form: %s", message.name),
                    "email_from": company_sudo.email_formatted,
                    "reply_to": formataddr((message.name, message.email)),
                    "email_to": recipient,
                    "body_html": plaintext2html("\n".join([*lines, "", message.message])),
                    "auto_delete": True,
                }
            )
        )
        self._keep(message, company_sudo)
        _logger.info("contact form: mail #%s queued", mail_sudo.id)
        self.env.ref("mail.ir_cron_mail_scheduler_action")._trigger()

    @api.model
    def _keep(self, message: ContactMessage, company_sudo):
        """Keep the visitor as a contact where the company wants that. Hook: an addon makes a lead or a ticket of it.

        Nobody proved the address, so a contact that is known already gets a note and nothing else.
        """
        if not company_sudo.contact_creates_partner:
            return
        domain = [
            ("email_normalized", "=", email_normalize(message.email)),
            ("company_id", "in", (False, company_sudo.id)),
        ]
        partners_sudo = self.env["res.partner"].sudo()
        partner_sudo = partners_sudo.search(domain, limit=1) or partners_sudo.create(
            {
                "name": message.name,
                "email": message.email,
                "company_name": message.company,
                "company_id": company_sudo.id,
            }
        )
        partner_sudo._message_log(body=plaintext2html(self.env._("By the contact form: %s", message.message)))
