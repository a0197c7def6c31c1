from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    contact_email = fields.Char(
        "Contact Form E-mail", help="Where the messages of the page /contact go.", groups="base.group_user"
    )
    contact_creates_partner = fields.Boolean(
        "Create Contacts From the Form",
        help="Whoever writes by the page /contact becomes a contact.",
        groups="base.group_user",
    )
