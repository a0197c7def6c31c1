import inspect

from odoo import models
from odoo.http import request
from werkzeug.exceptions import BadRequest, NotFound

from ..tools import private_page


class IrHttp(models.AbstractModel):
    """Routes with ``private_page=True``: headers of `tools/private_page.py`, texts as their only parameters, and a page
    in the visitor's language when the link opens nothing (Odoo's own is English wherever a route is no website's).

    No route's method takes a parameter called `self` from a visitor: Python would refuse the call, an error of ours.
    It would do so for one that is missing, too: that is the visitor's error.
    """

    _inherit = "ir.http"

    @classmethod
    def _pre_dispatch(cls, rule, args):
        super()._pre_dispatch(rule, args)
        if rule.endpoint.routing.get("private_page"):
            request.httprequest.max_content_length = private_page.MAX_BODY

    @classmethod
    def _dispatch(cls, endpoint):
        request.params.pop("self", None)
        if missing := required_parameters(endpoint) - request.params.keys():
            raise BadRequest(f"Missing: {', '.join(sorted(missing))}")
        if not endpoint.routing.get("private_page"):
            return super()._dispatch(endpoint)
        request.params = private_page.text_parameters(request.params)
        try:
            response = super()._dispatch(endpoint)
        except NotFound:
            values = {"disable_database_manager": True}
            response = request.render("lokario_base.link_not_found", values, status=404)
            response.flatten()
        own_policies = response.headers.getlist("Content-Security-Policy")
        response.headers.update(private_page.HEADERS)
        for policy in own_policies:  # browsers apply all of them
            response.headers.add("Content-Security-Policy", policy)
        return response


def required_parameters(endpoint) -> set[str]:
    parameters = inspect.signature(endpoint.func).parameters.values()
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {given.name for given in parameters if given.default is given.empty and given.kind in named}
