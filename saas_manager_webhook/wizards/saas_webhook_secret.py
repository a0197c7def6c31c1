from odoo import models


class SaasWebhookSecret(models.TransientModel):
    _name = "saas.webhook.secret"
    _inherit = ["lokario.secret.shown.mixin"]
    _description = "Webhook Secret Shown Once"
