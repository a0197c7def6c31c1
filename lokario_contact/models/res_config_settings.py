from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    contact_email = fields.Char(related="company_id.contact_email", readonly=False)
    contact_creates_partner = fields.Boolean(related="company_id.contact_creates_partner", readonly=False)
