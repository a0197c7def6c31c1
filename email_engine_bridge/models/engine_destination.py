from odoo import api, models


class EngineDestination(models.AbstractModel):
    _name = "engine.destination"
    _inherit = ["lokario.destination.mixin"]
    _description = "Destination of calls"

    _parameter = "email_engine_bridge.allowed_hosts"

    @api.model
    def _setting(self):
        return self.env._("Settings → Lokario → Email Engine → Private hosts that may be called")
