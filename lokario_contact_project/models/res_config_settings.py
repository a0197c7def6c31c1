from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    contact_project_id = fields.Many2one(
        related="company_id.contact_project_id", readonly=False, domain="[('company_id', 'in', (False, company_id))]"
    )
