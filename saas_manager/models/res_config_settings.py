from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    saas_base_domain = fields.Char("Base Domain", config_parameter="saas.base_domain")
    saas_protocol = fields.Selection(
        [("http", "http"), ("https", "https")], "Protocol", config_parameter="saas.protocol", default="http"
    )
    saas_public_port = fields.Integer("Public Port", config_parameter="saas.public_port")
    saas_message_days = fields.Integer(
        "Keep Messages for (Days)", config_parameter="saas.message_days", help="0: as long as the instance is known."
    )
