"""Contacts as the API takes and gives them."""

from typing import Literal

from pydantic import BaseModel, Field

from odoo.addons.email_engine_bridge.schemas.free_json import FreeObject, StorableText
from odoo.addons.email_engine_bridge.schemas.listing import Listing
from odoo.addons.email_engine_bridge.schemas.moment import UtcMoment
from odoo.addons.email_engine_bridge.schemas.strict import Strict


class RowError(BaseModel):
    """`column` is empty where it is the whole row."""

    row: int
    column: str
    error: str


class IngestSummary(BaseModel):
    """`role` and `invalid` rows are stored too, with a flag; only `errors` are not."""

    tenant_id: int
    received: int
    created: int
    updated: int
    role: int
    invalid: int
    error_count: int
    errors: list[RowError]
    encoding: str


class ContactChange(Strict):
    """What is left out stays as it is."""

    first_name: StorableText = Field(default="", max_length=200)
    last_name: StorableText = Field(default="", max_length=200)
    attributes: FreeObject = {}
    lists: list[StorableText] = Field(default=[], max_length=100)
    tags: list[StorableText] = Field(default=[], max_length=100)
    consent: Literal["unknown", "given", "withdrawn"] = "unknown"
    consent_source: StorableText = Field(default="", max_length=200)


class Contact(BaseModel):
    id: int
    email: str
    first_name: str
    last_name: str
    attributes: dict
    lists: list[str]
    tags: list[str]
    flag: str | None
    consent: str
    consent_at: UtcMoment | None
    consent_source: str | None
    suppressed: str | None


class ContactPage(Listing):
    items: list[Contact]
