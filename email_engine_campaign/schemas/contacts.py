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


def contact_to_schema(contact):
    return Contact(
        id=contact.id,
        email=contact.email,
        first_name=contact.first_name or "",
        last_name=contact.last_name or "",
        attributes=contact.attributes or {},
        lists=contact.list_ids.mapped("name"),
        tags=contact.tag_ids.mapped("name"),
        flag=contact.flag or None,
        consent=contact.consent,
        consent_at=contact.consent_at or None,
        consent_source=contact.consent_source or None,
        suppressed=contact.suppression_id.sudo().reason or None,
    )
