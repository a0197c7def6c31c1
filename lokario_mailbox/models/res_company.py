from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    outgoing_all_or_none = fields.Boolean(
        "All recipients or none",
        help="When the server refuses one recipient, the others do not get the mail either.",
        groups="base.group_user",
    )
