from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    deletion_suspends_access = fields.Boolean(related="company_id.deletion_suspends_access", readonly=False)
