import logging
import secrets
from datetime import timedelta

from odoo import api, models
from odoo.tools import email_normalize, formataddr, hash_sign, plaintext2html, verify_hash_signed

from odoo.addons.lokario_base.exceptions import NotAccepted
from odoo.addons.lokario_base.tools.caller import without_callers_defaults
from odoo.addons.lokario_base.tools.email_address import spellings

from ..exceptions import CaptchaNeeded
from ..tools.captcha import Answer, is_solved
from ..tools.contact import ContactMessage

_logger = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
PER_ADDRESS = 5  # messages an hour from one e-mail address
PER_NETWORK = 20  # messages an hour from one network; more of them cost the sender's browser a calculation each
PER_NETWORK_ANSWERED = 80  # of those
ALTOGETHER = 200  # messages an hour from all networks: somebody may have many; from then on everybody calculates
ALTOGETHER_ANSWERED = 1000  # of those: each message is a mail, a contact, a lead or a ticket
CHALLENGE_SCOPE, CHALLENGE_HOURS, DAY = "lokario_contact.challenge", 1, timedelta(days=1)


class Contact(models.AbstractModel):
    """Messages of the contact form."""

    _name = "lokario.contact"
    _description = "Contact Form"

    @api.model
    def _submit(self, message: ContactMessage, network: str, company, answer: Answer):
        """Take what a visitor wrote.

        :raises NotAccepted: it would have no recipient, or too much came from there; the text is for the visitor
        :raises CaptchaNeeded: the browser has to answer a challenge first
        """
        if not self._recipient(company):
            raise NotAccepted(503, self.env._("This form has no recipient yet. Please use another way to contact us."))
        if not self._may_send(message, network, answer):
            raise NotAccepted(429, self.env._("Too many messages were sent from here. Please try again in an hour."))
        language = company.sudo().partner_id.lang or self.env.lang
        self.with_context(lang=language)._receive(message, company)

    @api.model
    def _recipient(self, company) -> str | None:
        company_sudo = company.sudo()
        return company_sudo.contact_email or company_sudo.email or self.env["ir.mail_server"]._global_address()

    @api.model
    def _may_send(self, message: ContactMessage, network: str, answer: Answer) -> bool:
        """Whether neither the visitor's address nor the network, nor all of them together, sent too much this hour."""
        limits = self.env["lokario.rate.limit"].sudo()
        of_network = limits._take("contact-network", network, PER_NETWORK, HOUR)
        if not of_network or not limits._take("contact-all", "", ALTOGETHER, HOUR):
            if not self._is_answered(answer, network):
                raise CaptchaNeeded(
                    429,
                    self.env._(
                        "Many messages are arriving. Your browser now does a short calculation that keeps programs "
                        "out. Then send your message again."
                    ),
                )
            if not limits._take("contact-answered", network, PER_NETWORK_ANSWERED, HOUR):
                return False
            if not limits._take("contact-all-answered", "", ALTOGETHER_ANSWERED, HOUR):
                return False
        return limits._take("contact-address", message.email.lower(), PER_ADDRESS, HOUR)

    @api.model
    def _challenge(self, network: str) -> str:
        """Return what the browser has to answer, good for one message from this network."""
        nonce = secrets.token_hex(16)
        return hash_sign(self.sudo().env, CHALLENGE_SCOPE, [nonce, network], expiration_hours=CHALLENGE_HOURS)

    @api.model
    def _is_answered(self, answer: Answer, network: str) -> bool:
        """Whether the answer is right, for this network and given for the first time."""
        try:
            nonce, asked = verify_hash_signed(self.sudo().env, CHALLENGE_SCOPE, answer.challenge) or ("", "")
        except (ValueError, TypeError):
            return False
        if asked != network or not nonce or not is_solved(answer.challenge, answer.number):
            return False
        return self.env["lokario.rate.limit"].sudo()._take("contact-challenge", nonce, 1, DAY)

    @api.model
    def _receive(self, message: ContactMessage, company):
        """Queue the mail to the company, by the system server, and let addons keep the message."""
        company_sudo = company.sudo()
        mail_sudo = (
            self.env["mail.mail"]
            .sudo()
            .create(
                {
                    "subject": self.env._("Contact form: %s", message.name),
                    "email_from": company_sudo.email_formatted,
                    "reply_to": formataddr((message.name, message.email)),
                    "email_to": self._recipient(company),
                    "body_html": plaintext2html(self._text(message)),
                    "auto_delete": True,
                }
            )
        )
        self._keep(message, company_sudo)
        _logger.info("contact form: mail #%s queued", mail_sudo.id)
        self.env.ref("mail.ir_cron_mail_scheduler_action")._trigger()

    @api.model
    def _text(self, message: ContactMessage) -> str:
        return "\n".join(
            (
                self.env._("Name: %s", message.name),
                self.env._("E-mail: %s", message.email),
                self.env._("Company: %s", message.company or "–"),
                "",
                message.message,
            )
        )

    @api.model
    def _keep(self, message: ContactMessage, company_sudo):
        """Keep the visitor as a contact where the company wants that. Hook: an addon makes a lead or a ticket of it.

        The address is not verified, so a contact that is known already gets a note and nothing else.
        """
        if not company_sudo.contact_creates_partner:
            return
        domain = [
            ("email_normalized", "in", list(spellings(email_normalize(message.email)))),
            ("company_id", "in", (False, company_sudo.id)),
        ]
        partners_sudo = without_callers_defaults(self.env["res.partner"].sudo())
        partner_sudo = partners_sudo.search(domain, limit=1) or partners_sudo.create(
            {
                "name": message.name,
                "email": message.email,
                "company_name": message.company,
                "company_id": company_sudo.id,
            }
        )
        partner_sudo._message_log(body=plaintext2html(self.env._("By the contact form: %s", message.message)))
