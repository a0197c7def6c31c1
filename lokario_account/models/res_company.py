from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    deletion_keeps_correspondence = fields.Boolean(
        "Keep What Deleted Accounts Wrote on Documents",
        default=True,
        help="Messages on documents stay without their author: commercial correspondence is kept for ten years "
        "(Code de commerce, L123-22). Private conversations and notes are deleted in any case.",
        groups="base.group_user",
    )
    deletion_suspends_access = fields.Boolean(
        "Suspend Access During the Delay",
        default=True,
        help="Whoever asked for the deletion of the account cannot log in any more, except to undo it.",
        groups="base.group_user",
    )
