from odoo import models
from werkzeug.routing import PathConverter


class AnyPathConverter(PathConverter):
    """Also a path with a line break is the API's to answer, with a problem document."""

    regex = r"[^/](?s:.)*?"


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _get_converters(cls):
        return {**super()._get_converters(), "engine_path": AnyPathConverter}
