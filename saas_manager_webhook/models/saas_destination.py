from odoo import api, models


class SaasDestination(models.AbstractModel):
    _name = "saas.destination"
    _inherit = ["lokario.destination.mixin"]
    _description = "Destination of Webhooks about Instances"

    _parameter = "saas_manager_webhook.allowed_hosts"

    @api.model
    def _setting(self):
        return self.env._("Settings → Lokario → Clients' Instances → Private Hosts That May Be Called")
