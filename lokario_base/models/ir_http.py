from odoo import models
from odoo.http import request

from ..tools import private_page


class IrHttp(models.AbstractModel):
    """Routes with ``private_page=True``: headers of `tools/private_page.py`, and texts as their only parameters."""

    _inherit = "ir.http"

    @classmethod
    def _pre_dispatch(cls, rule, args):
        if rule.endpoint.routing.get("private_page"):
            request.future_response.headers.update(private_page.HEADERS)
        super()._pre_dispatch(rule, args)

    @classmethod
    def _dispatch(cls, endpoint):
        if endpoint.routing.get("private_page"):
            request.params = private_page.text_parameters(request.params)
        return super()._dispatch(endpoint)
