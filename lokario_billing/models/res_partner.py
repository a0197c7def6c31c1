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
        help="Empty: the invoice address, then the customer.",
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

    def _followup_contact(self):
        """Return the person to whom reminders of this customer go."""
        self.ensure_one()
        customer = self.commercial_partner_id
        if customer.followup_contact_id:
            return customer.followup_contact_id
        billing = self.browse(customer.address_get(["invoice"])["invoice"])
        return billing if billing.email else customer

    def _is_business_customer(self):
        """French law protects consumers from recovery costs: only a company or a VAT number makes a professional."""
        self.ensure_one()
        customer = self.commercial_partner_id
        return customer.is_company or bool(customer.vat)
