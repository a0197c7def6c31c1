from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    inbox_create_partners = fields.Boolean(related="company_id.inbox_create_partners", readonly=False)
    inbox_poll_only = fields.Boolean(
        string="Look for mail every five minutes only",
        config_parameter="lokario_inbox.poll_only",
        help="No open lines to the mail servers: new mail comes with the five-minute synchronisation.",
    )
