from operator import attrgetter

from odoo import fields, models


class FastapiEndpoint(models.Model):
    """Register the REST API of the engine as an app of OCA's fastapi."""

    _inherit = "fastapi.endpoint"

    app = fields.Selection(
        selection_add=[("email_engine", "Email Engine API v2")],
        ondelete={"email_engine": "cascade"},
    )

    def _get_fastapi_routers(self):
        routers = super()._get_fastapi_routers()
        if self.app == "email_engine":
            from ..routers import engine_routers

            routers = [*routers, *engine_routers]
        return routers

    def _get_routing_info(self):
        routing = super()._get_routing_info()
        if self.app == "email_engine":
            routes = [route.replace("<path:", "<engine_path:") for route in routing["routes"]]
            routing.update(type="engine_api", save_session=False, routes=routes)
        return routing

    def _get_app_dependencies_overrides(self):
        """None for our app: with any, FastAPI analyses all dependencies of a route anew at each call, a third of its
        time. The company is that of the key.
        """
        return {} if self.app == "email_engine" else super()._get_app_dependencies_overrides()

    def _prepare_fastapi_app_params(self):
        params = super()._prepare_fastapi_app_params()
        if self.app == "email_engine":
            # FastAPI's own pages load scripts from the internet; ours does not.
            params.update(version="2.0.0", docs_url=None, redoc_url=None)
            params["generate_unique_id_function"] = attrgetter("name")  # what generated clients call a route
        return params
