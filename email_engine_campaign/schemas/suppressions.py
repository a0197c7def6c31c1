"""Suppressions as the API takes and gives them."""

from datetime import date

from pydantic import BaseModel, Field

from odoo.addons.email_engine_bridge.schemas.free_json import StorableText, Words
from odoo.addons.email_engine_bridge.schemas.listing import Listing
from odoo.addons.email_engine_bridge.schemas.moment import UtcMoment
from odoo.addons.email_engine_bridge.schemas.strict import Strict


class SuppressionCreate(Strict):
    tenant_id: int = Field(ge=1, le=2**31 - 1)
    email: StorableText = Field(min_length=3, max_length=320)
    note: StorableText = Field(default="", max_length=500)
    until: date | None = Field(default=None, description="Last day; left out: until it is lifted")


class LiftRequest(Strict):
    reason: Words = Field(min_length=1, max_length=500)


class Suppression(BaseModel):
    id: int
    email: str
    reason: str
    source: str
    note: str
    since: UtcMoment
    until: date | None
    lifted_at: UtcMoment | None
    lifted_because: str


class SuppressionPage(Listing):
    items: list[Suppression]
