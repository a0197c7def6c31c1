from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    saas_webhook_hosts = fields.Char(
        "Private Hosts That May Be Called",
        config_parameter="saas_manager_webhook.allowed_hosts",
        help="Such as 127.0.0.1:8080, erp.lan or 10.0.0.0/8. Public hosts need no entry.",
    )
