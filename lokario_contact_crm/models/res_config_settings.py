from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    contact_creates_lead = fields.Boolean(related="company_id.contact_creates_lead", readonly=False)
