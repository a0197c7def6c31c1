from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    deletion_suspends_access = fields.Boolean(
        "Suspend Access During the Delay",
        default=True,
        help="Whoever asked for the deletion of the account cannot log in any more, except to undo it.",
        groups="base.group_user",
    )
