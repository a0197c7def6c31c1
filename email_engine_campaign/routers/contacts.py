"""Contacts: take many in one call, list."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from odoo.addons.email_engine_bridge.const import MAX_INT
from odoo.addons.email_engine_bridge.exceptions import ApiProblem, EngineRejected
from odoo.addons.email_engine_bridge.routers.dependencies import (
    EngineEnv,
    Paging,
    Tenant,
    WriteEnv,
    get_visible,
    list_page,
)
from odoo.addons.email_engine_bridge.schemas.problem import problem_responses
from odoo.addons.email_engine_bridge.tools.contact_rows import read_envelope

from ..schemas.contacts import ContactPage, IngestSummary
from .bodies import raw_body

router = APIRouter(prefix="/contacts", tags=["contacts"])

INGEST_BODY = {
    "requestBody": {
        "required": True,
        "description": "JSON (array or {tenant_id, lists, tags, contacts}), NDJSON or CSV with a header line",
        "content": {
            "application/json": {"schema": {}},
            "application/x-ndjson": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
        },
    }
}


@router.post("/ingest", responses=problem_responses(401, 403, 404, 413, 422, 429), openapi_extra=INGEST_BODY)
def ingest_contacts(
    request: Request,
    env: WriteEnv,
    body: Annotated[bytes, Depends(raw_body)],
    tenant_id: Annotated[int | None, Query(ge=1, le=MAX_INT)] = None,
    lists: Annotated[str, Query(max_length=1000, description="Names, separated by commas")] = "",
    tags: Annotated[str, Query(max_length=1000, description="Names, separated by commas")] = "",
) -> IngestSummary:
    """Store up to some 100,000 contacts; the same body again changes nothing. Row errors are listed."""
    try:
        envelope = read_envelope(body)
        asked = tenant_id or envelope.get("tenant_id")
        if not isinstance(asked, int) or not 1 <= asked <= MAX_INT:
            raise ApiProblem(422, "Say for which tenant: ?tenant_id=1, or tenant_id in the body.")
        tenant = get_visible(env, "engine.tenant", asked)
        groups = [_names(lists, envelope.get("lists")), _names(tags, envelope.get("tags"))]
        summary = env["engine.contact.ingest"]._ingest(tenant, body, request.headers.get("content-type", ""), *groups)
    except EngineRejected as error:
        raise ApiProblem(422, str(error)) from error
    return IngestSummary(tenant_id=tenant.id, **summary)


@router.get("/{tenant_id:int}", responses=problem_responses(401, 404, 422, 429))
def list_contacts(
    tenant: Tenant,
    env: EngineEnv,
    paging: Paging,
    email: Annotated[str | None, Query(max_length=320)] = None,
) -> ContactPage:
    """The contacts of a tenant, or the one with this address."""
    domain = [("tenant_id", "=", tenant.id)]
    if email:
        domain.append(("email", "=", email.strip().lower()))
    return ContactPage(**list_page(env, "engine.contact", domain, paging))


def _names(query, member):
    if member is not None and not (isinstance(member, list) and all(isinstance(one, str) for one in member)):
        raise ApiProblem(422, "lists and tags: send lists of names.")
    return [name.strip()[:200] for name in [*query.split(","), *(member or [])] if name.strip()]
