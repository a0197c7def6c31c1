from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    inbox_undo_seconds = fields.Integer(
        "Undo window",
        default=10,
        help="Seconds during which a mail that was sent can be taken back.",
        groups="base.group_user",
    )
