"""Contacts as the API takes and gives them."""

from pydantic import BaseModel

from odoo.addons.email_engine_bridge.schemas.moment import UtcMoment


class RowError(BaseModel):
    row: int
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


class ContactPage(BaseModel):
    items: list[Contact]
    total: int
