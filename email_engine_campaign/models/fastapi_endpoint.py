from odoo import models


class FastapiEndpoint(models.Model):
    _inherit = "fastapi.endpoint"

    def _get_fastapi_routers(self):
        routers = super()._get_fastapi_routers()
        if self.app == "email_engine":
            from ..routers import campaign_routers

            routers = [*routers, *campaign_routers]
        return routers
