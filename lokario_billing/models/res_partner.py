from odoo import api, fields, models
from pytz import country_timezones

from ..const import AUTO_CHOICES


class ResPartner(models.Model):
    _name = "res.partner"
    _inherit = ["res.partner", "lokario.followup.source", "lokario.access.mixin"]
    _followup_link = "partner_id"

    type = fields.Selection(selection_add=[("followup", "Invoice follow-up")], ondelete={"followup": "set default"})
    followup_do_not_contact = fields.Boolean(
        string="Do not contact",
        help="Deceased, or for a reason that forbids every reminder: no mail, no call, no letter.",
        groups="base.group_user",
    )
    followup_timeline = fields.Html(
        compute="_compute_followup_timeline",
        sanitize=False,
        groups="lokario_billing.group_lokario_billing_user",
    )
    followup_auto = fields.Selection(
        AUTO_CHOICES,
        string="Automatic follow-up",
        company_dependent=True,
        help="Empty or as usual: the company's setting decides.",
        groups="base.group_user",
    )
    followup_opt_out = fields.Boolean(
        string="No reminders",
        company_dependent=True,
        help="This customer is never sent a reminder by this company.",
        groups="base.group_user",
    )
    followup_other_law = fields.Boolean(
        string="Invoices under another law",
        company_dependent=True,
        help="Contracts with this customer are not under the law of the company's country: no mentions, penalties and "
        "indemnity of French law.",
        groups="base.group_user",
    )
    followup_contact_id = fields.Many2one(
        "res.partner",
        string="Reminder contact",
        company_dependent=True,
        help="Empty: the company's contact of the kind invoice follow-up, the contact of the invoice, who ordered, the "
        "invoice address, then the customer.",
        groups="base.group_user",
    )
    followup_to_ids = fields.Many2many(
        "res.partner",
        string="Also remind",
        compute="_compute_followup_readers",
        inverse="_inverse_followup_to_ids",
        help="Each of them gets every reminder of this customer as a mail of his own, delivered or not on its own.",
        groups="base.group_user",
    )
    followup_cc_ids = fields.Many2many(
        "res.partner",
        string="Copy of reminders to",
        compute="_compute_followup_readers",
        inverse="_inverse_followup_cc_ids",
        groups="base.group_user",
    )

    @api.depends_context("company", "lang", "tz")
    def _compute_followup_timeline(self):
        for partner in self:
            customer = partner.commercial_partner_id._origin
            partner.followup_timeline = self.env["lokario.followup.timeline"]._customer_html(customer)

    @api.depends_context("company")
    def _compute_followup_readers(self):
        for kind in ("to", "cc"):
            copies = self.env["lokario.followup.copy"].sudo()._of(self, self.env.company, kind).grouped("customer_id")
            for partner in self:
                known = copies.get(partner._origin)
                partner[f"followup_{kind}_ids"] = known.partner_id if known else False

    def _inverse_followup_to_ids(self):
        self._keep_readers("to")

    def _inverse_followup_cc_ids(self):
        self._keep_readers("cc")

    def _keep_readers(self, kind):
        """Whoever is chosen is of this kind from now on, whatever he was before."""
        copies_sudo, company = self.env["lokario.followup.copy"].sudo(), self.env.company
        wanted = [(partner, reader) for partner in self for reader in partner[f"followup_{kind}_ids"]]
        moved = copies_sudo.search(
            [("customer_id", "in", self.ids), ("company_id", "=", company.id), ("kind", "!=", kind)]
        ).filtered(lambda copy: (copy.customer_id, copy.partner_id) in wanted)
        (copies_sudo._of(self, company, kind) | moved).unlink()
        copies_sudo.create(
            [
                {"customer_id": partner.id, "company_id": company.id, "partner_id": reader.id, "kind": kind}
                for partner, reader in wanted
            ]
        )

    def _followup_contact(self, orderers):
        """Return who is reminded of an invoice to this contact, the first one who can be reached; else the contact.

        :param orderers: call that returns those who ordered what the invoice is for
        """
        self.ensure_one()
        customer = self.commercial_partner_id
        candidates = (
            lambda: self.followup_contact_id,
            lambda: customer.followup_contact_id,
            lambda: customer._address("followup").filtered(lambda partner: partner.type == "followup"),
            lambda: self - customer,
            lambda: customer._address("invoice") if self == customer else customer.browse(),
            orderers,
            lambda: customer._address("invoice"),
            lambda: customer,
        )
        reachable = (partner for ask in candidates for partner in ask() if partner._is_reachable())
        return next(reachable, None) or (customer if self.followup_do_not_contact else self)

    def _address(self, role):
        """Return the customer's contact of this kind, himself when there is none."""
        address = self.address_get([role])[role]
        return self if address == self.id else self.browse(address)  # one record of many is read with the others

    def _is_reachable(self):
        """Whether mail may be written to this contact: still there, with an address that is not blacklisted."""
        forbidden = self.followup_do_not_contact or self.is_blacklisted
        return bool(self.active and self.email_normalized and not forbidden)

    def _reminder_address(self, channel):
        """Return where this contact is reached by a channel; another address makes a failed reminder possible again."""
        self.ensure_one()
        if channel in ("letter", "registered"):
            return ", ".join(filter(None, self._display_address(without_company=True).split("\n")))
        return self.phone if channel in ("call", "sms") else self.email_normalized

    def _reminder_place(self):
        """Return (country code, time zone) where this contact reads a reminder; "" is what is not known."""
        self.ensure_one()
        code = (self.country_id or self.commercial_partner_id.country_id).code or ""
        zones = country_timezones.get(code, [])
        timezone = self.tz or self.commercial_partner_id.tz or (zones[0] if len(zones) == 1 else "")
        return code, timezone

    def _owes_french_penalties(self, company):
        """Whether French law gives the company penalties and the indemnity for late invoices of this customer.

        The law of an invoice is that of its issuer's country (Rome I, art. 4), wherever the customer is, unless the
        contract names another one.
        """
        customer = self.commercial_partner_id.with_company(company)
        return company._has_french_law() and not customer.followup_other_law and self._is_business_customer()

    def _is_business_customer(self):
        """French law protects consumers from recovery costs: only a company or a VAT number makes a professional.

        Odoo writes "/" for who has no VAT number.
        """
        self.ensure_one()
        customer = self.commercial_partner_id
        return customer.is_company or len(customer.vat or "") > 1

    def _followup_defaults(self):
        return {"kind": "inactive", "source": "manual", "company_id": self.env.company.id, "name": self.display_name}
