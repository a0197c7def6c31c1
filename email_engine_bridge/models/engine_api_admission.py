from typing import NamedTuple

from odoo import api, models

PAGES = ("/docs", "/openapi.json")  # for everybody, without a body
MAX_JSON_BODY = 8 * 1024 * 1024  # bytes; the largest, a template, has two texts of 512 Ki characters


class Admission(NamedTuple):
    max_body: int
    """Bytes."""
    key_sudo: models.BaseModel | None = None
    has_rows: bool = False
    """A body of many rows, which its route reads one by one in any format."""
    rate: tuple | None = None
    """`Rate` of the key."""


class EngineApiAdmission(models.AbstractModel):
    """Who may call a path below /api/v2, and how much he may send: decided before a byte of the body is read.

    An addon that adds routers extends `_admit` where its paths ask for something else than a key and JSON.
    """

    _name = "engine.api.admission"
    _description = "Admission of API calls"

    @api.model
    def _admit(self, path, httprequest):
        """Return the `Admission` of a call; raises what to answer when it is refused."""
        if path in PAGES:
            return Admission(max_body=0)
        key_sudo, rate = self.env["engine.api.key"].sudo()._authenticate(_bearer_token(httprequest))
        return Admission(MAX_JSON_BODY, key_sudo, rate=rate)


def _bearer_token(httprequest):
    scheme, _space, token = httprequest.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
