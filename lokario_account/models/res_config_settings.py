from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    deletion_keeps_correspondence = fields.Boolean(related="company_id.deletion_keeps_correspondence", readonly=False)
    deletion_suspends_access = fields.Boolean(related="company_id.deletion_suspends_access", readonly=False)
