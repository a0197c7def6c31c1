import hashlib
import hmac

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from odoo.addons.email_engine_bridge.tools.campaign_sender import Addresses
from odoo.addons.email_engine_bridge.tools.mailwizz_client import MailWizzClient
from odoo.addons.email_engine_bridge.tools.pmta_values import EMAIL
from odoo.addons.email_engine_bridge.tools.public_address import is_reachable
from odoo.addons.email_engine_bridge.tools.smtp_feeder import SmtpFeeder
from odoo.addons.lokario_base.fields import Secret


class EngineTenant(models.Model):
    """What sending campaigns needs to know of a tenant."""

    _inherit = "engine.tenant"

    is_stopped = fields.Boolean(
        "Stopped", tracking=True, help="Kill switch: no campaign of this tenant hands over any mail while it is set."
    )
    bounce_domain = fields.Char(help="Domain of the envelope senders (VERP). Empty: that of the From address.")
    feedback_sender = fields.Char("Feedback-ID sender", help="Gmail's SenderId, 5 to 15 characters")
    postal_address = fields.Char(help="For [COMPANY_FULL_ADDRESS]")
    records_receipts = fields.Boolean(
        "PowerMTA records receipts",
        default=True,
        help="PowerMTA writes `r` rows: a message without one, older than the newest one by the reconciliation"
        " delay, never arrived.",
    )
    settle_seconds = fields.Integer("Reconciliation delay", default=600, help="Seconds; see PowerMTA records receipts")
    dead_after = fields.Integer(
        "Answers until suppressed",
        default=1,
        required=True,
        help="So many final answers that an address does not exist, and it is not written to any more.",
    )
    dead_days = fields.Integer("within at least", default=0, help="Days between the first and the last of them")
    engagement_privacy = fields.Selection(
        [("person", "By person"), ("anonymous", "Anonymously")],
        "Count opens and clicks",
        required=True,
        default="person",
        help="Anonymously: each is counted once, without the person.",
    )

    _dead_after_positive = models.Constraint(
        "CHECK(dead_after >= 1 AND dead_days >= 0)", "One answer at least must suppress an address."
    )

    message_transport = fields.Selection(
        [("powermta", "PowerMTA (SMTP)"), ("mailwizz", "MailWizz (REST API)")],
        "Single messages leave by",
        required=True,
        default="powermta",
        help="Order confirmations and the like, where the program that sends one names no way.",
    )
    mailwizz_url = fields.Char("MailWizz address", help="The API of this tenant's own MailWizz")
    mailwizz_key = Secret("MailWizz API key", destination=("mailwizz_url",))

    @api.constrains("mailwizz_url")
    def _check_mailwizz_url(self):
        for tenant in self.filtered("mailwizz_url"):
            label = self._fields["mailwizz_url"]._description_string(self.env)
            self.env["engine.destination"]._check_url(label, tenant.mailwizz_url)

    def _check_sending(self):
        """Raise why no mail of this tenant may leave at all."""
        if self.is_stopped:
            raise UserError(self.env._("%(tenant)s is stopped: no mail leaves.", tenant=self.name))
        if not self.active:
            raise UserError(self.env._("%(tenant)s is archived: no mail leaves.", tenant=self.name))

    def _check_author(self, from_email, reply_to):
        """Raise when a message may not come from this address, or answers cannot go to that one."""
        for address in filter(None, (from_email, reply_to)):
            if not EMAIL.fullmatch(address):
                raise ValidationError(self.env._("“%s” is not an e-mail address.", address))
        domain = (from_email or self.from_email).rpartition("@")[2].lower()
        allowed = [*self.domain_ids.mapped("name"), self.from_email.rpartition("@")[2].lower()]
        if not any(domain == name or domain.endswith(f".{name}") for name in allowed):
            raise ValidationError(
                self.env._("From address: %(domain)s is no domain of this tenant. Add it first.", domain=domain)
            )

    def action_stop(self):
        """The kill switch: from the next message on nothing is handed over; MailWizz is notified as well."""
        self.is_stopped = True
        campaigns = self.env["engine.campaign"].search([("tenant_id", "in", self.ids), ("state", "=", "sending")])
        for campaign in campaigns:
            campaign._get_transport()._stop(campaign)

    def action_allow(self):
        """Let go on what was stopped; campaigns at MailWizz are resumed there or by their own buttons."""
        self.is_stopped = False
        self.env["engine.campaign"].search([("tenant_id", "in", self.ids), ("state", "=", "sending")])._continue()

    def _get_bounce_domain(self):
        self.ensure_one()
        return self.bounce_domain or self.from_email.rpartition("@")[2]

    def _get_addresses(self):
        """Where this tenant's messages point back to; raises when recipients could not get there."""
        self.ensure_one()
        parameters_sudo = self.env["ir.config_parameter"].sudo()  # any worker or API user signs tokens
        base_url = parameters_sudo.get_param("email_engine.public_url") or self.get_base_url()
        if not is_reachable(base_url):
            raise UserError(
                self.env._(
                    "Recipients cannot open %(url)s, where the unsubscribe links lead. Give “Address of links in mails”"
                    " in Settings → Lokario → Email Engine.",
                    url=base_url,
                )
            )
        return Addresses(
            base_url=base_url,
            bounce_domain=self._get_bounce_domain(),
            secret=self._get_token_secret(),
        )

    def _get_token_secret(self):
        """Key of the tokens in links and envelope senders; derived, so that it never leaves."""
        database_secret = self.env["ir.config_parameter"].sudo().get_param("database.secret")
        return hmac.new(database_secret.encode(), b"email_engine_bridge.tokens", hashlib.sha256).digest()

    def _get_address_values(self):
        """The company's address line by line, for MailWizz's tags [COMPANY_CITY] and the like."""
        company = self.company_id
        values = {
            "company_address_1": company.street,
            "company_address_2": company.street2,
            "company_city": company.city,
            "company_zone": company.state_id.name,
            "company_zip": company.zip,
            "company_country": company.country_id.name,
            "company_phone": company.phone,
            "company_website": company.website,
        }
        return {name: value or "" for name, value in values.items()}

    def _get_mailwizz_company(self):
        """The sender's postal identity, which MailWizz demands of every list."""
        return {
            "name": self.name,
            "country": self.company_id.country_id.name or "France",
            "address_1": self.postal_address or self.name,
            "city": self.company_id.city or "-",
            "zip_code": self.company_id.zip or "-",
        }

    def _get_mailwizz_client__(self):
        """The client of this tenant's MailWizz; raises what to fill in when there is none."""
        self.ensure_one()
        url, key = self.mailwizz_url, self._reveal_secret__("mailwizz_key")
        if not url or not key:
            raise UserError(self.env._("%(tenant)s: fill in the MailWizz address and API key first.", tenant=self.name))
        return MailWizzClient(url, key, self.env["engine.destination"]._get_pin())

    def _get_feeder__(self):
        """The SMTP connection to this tenant's PowerMTA; opened at first use."""
        self.ensure_one()
        return SmtpFeeder(self.delivery_host, self.delivery_port, helo=self._get_bounce_domain())
