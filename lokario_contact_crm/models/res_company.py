from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    contact_creates_lead = fields.Boolean(
        "Create Leads From the Form",
        default=True,
        help="Each message of the page /contact becomes a lead.",
        groups="base.group_user",
    )
