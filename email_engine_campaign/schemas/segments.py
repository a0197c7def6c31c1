"""Segments as the API takes and gives them."""

from typing import Literal

from pydantic import BaseModel, Field

from odoo.addons.email_engine_bridge.schemas.free_json import StorableText, Words
from odoo.addons.email_engine_bridge.schemas.listing import Listing
from odoo.addons.email_engine_bridge.schemas.strict import Strict

Subject = Literal[
    "email", "domain", "first_name", "last_name", "attribute", "consent",
    "created", "consented", "received", "opened", "clicked",
]  # fmt: skip
Operator = Literal["is", "is_not", "contains", "above", "below", "set", "unset", "within", "not_within"]


class SegmentRule(Strict):
    """`key`: name of an attribute. A value is compared with `value`, a moment (`created`, `opened` …) by `days`."""

    subject: Subject
    operator: Operator
    key: StorableText = Field(default="", max_length=200)
    value: StorableText = Field(default="", max_length=1000)
    days: int = Field(default=30, ge=0, le=36_500)


class SegmentCreate(Strict):
    tenant_id: int = Field(ge=1, le=2**31 - 1)
    name: Words = Field(min_length=1, max_length=200)
    match: Literal["all", "any"] = "all"
    rules: list[SegmentRule] = Field(min_length=1, max_length=50)


class Segment(BaseModel):
    id: int
    tenant_id: int
    name: str
    match: str
    rules: list[SegmentRule]


class CountedSegment(Segment):
    """`contacts` fit the rules; `reachable` of them may be written to now."""

    contacts: int
    reachable: int


class SegmentPage(Listing):
    items: list[Segment]
