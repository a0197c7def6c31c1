from odoo import fields, models

from ..const import AUTO_CHOICES


class ResPartner(models.Model):
    _inherit = "res.partner"

    followup_auto = fields.Selection(
        AUTO_CHOICES,
        string="Automatic follow-up",
        required=True,
        default="default",
        help="As usual: the company's setting decides.",
        groups="base.group_user",
    )
    followup_opt_out = fields.Boolean(
        string="No reminders", help="This customer is never sent a reminder.", groups="base.group_user"
    )
    followup_contact_id = fields.Many2one(
        "res.partner",
        string="Reminder contact",
        help="Empty: the contact of the invoice, who ordered, the invoice address, then the customer.",
        groups="base.group_user",
    )
    followup_cc_ids = fields.Many2many(
        "res.partner",
        "res_partner_followup_cc_rel",
        "partner_id",
        "cc_id",
        string="Copy of reminders to",
        groups="base.group_user",
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
            lambda: self - customer,
            lambda: customer._invoice_address() if self == customer else customer.browse(),
            orderers,
            customer._invoice_address,
            lambda: customer,
        )
        reachable = (partner for ask in candidates for partner in ask() if partner._is_reachable())
        return next(reachable, self)

    def _invoice_address(self):
        """Return the address to which the customer wants his invoices, himself when there is none of its own."""
        address = self.address_get(["invoice"])["invoice"]
        return self if address == self.id else self.browse(address)  # one record of many is read with the others

    def _is_reachable(self):
        """Whether mail may be written to this contact: still there, with an address that is not blacklisted."""
        return bool(self.active and self.email_normalized and not self.is_blacklisted)

    def _is_business_customer(self):
        """French law protects consumers from recovery costs: only a company or a VAT number makes a professional."""
        self.ensure_one()
        customer = self.commercial_partner_id
        return customer.is_company or bool(customer.vat)
