"""Bodies that routes read themselves, in any format."""

from odoo.http import request


def raw_body() -> bytes:
    """The body as it came; the dispatcher has read it within its limit (controllers/api_admission.py)."""
    return request.httprequest.get_data()
