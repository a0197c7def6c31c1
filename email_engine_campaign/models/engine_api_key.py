from odoo import api, models


class EngineApiKey(models.Model):
    """The areas of the routes of campaigns."""

    _inherit = "engine.api.key"

    @api.model
    def _known_areas(self):
        return super()._known_areas() | {"campaigns", "contacts", "messages", "templates", "stats", "webhooks"}
