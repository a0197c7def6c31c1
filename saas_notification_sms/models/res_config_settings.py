from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    saas_sms_opens = fields.Float("SMS From", config_parameter="saas_notification_sms.opens", default=8)
    saas_sms_closes = fields.Float("SMS Until", config_parameter="saas_notification_sms.closes", default=20)
