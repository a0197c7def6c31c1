from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    inbox_create_partners = fields.Boolean(related="company_id.inbox_create_partners", readonly=False)
