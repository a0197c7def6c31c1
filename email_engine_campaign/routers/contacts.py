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
    of_path,
)
from odoo.addons.email_engine_bridge.schemas.problem import problem_responses
from odoo.addons.email_engine_bridge.tools.contact_rows import normalise_address, read_envelope

from ..schemas.contacts import Contact, ContactChange, ContactPage, IngestSummary
from .bodies import raw_body
from .named import find_named

router = APIRouter(prefix="/contacts", tags=["contacts"])
GROUPS = {"lists": ("list_ids", "engine.contact.list"), "tags": ("tag_ids", "engine.contact.tag")}

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
        if unknown := sorted(set(envelope) - {"tenant_id", "lists", "tags"}):
            raise ApiProblem(422, f"Unknown: {', '.join(unknown)[:200]}. Send tenant_id, lists, tags and contacts.")
        named = {one for one in (tenant_id, envelope.get("tenant_id")) if one is not None}
        asked = named.pop() if len(named) == 1 else None
        if type(asked) is not int or not 1 <= asked <= MAX_INT:  # nor true, which Python takes for 1
            raise ApiProblem(422, "Say for which tenant: ?tenant_id=1, or tenant_id in the body; once, or the same.")
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
        domain.append(("email", "=", normalise_address(email)))
    return ContactPage(**list_page(env, "engine.contact", domain, paging))


Record = of_path("engine.contact", "contact_id")


@router.get("/{tenant_id:int}/{contact_id}", responses=problem_responses(401, 404, 422, 429))
def get_contact(contact: Record) -> Contact:
    """One contact."""
    return Contact(**contact._describe())


@router.patch("/{tenant_id:int}/{contact_id}", responses=problem_responses(400, 401, 403, 404, 409, 415, 422, 429))
def change_contact(env: WriteEnv, contact: Record, body: ContactChange) -> Contact:
    """Change some of a contact: `lists` and `tags` are those it is in afterwards, `attributes` are added."""
    values = body.model_dump(exclude_unset=True)
    for name, (field, model) in GROUPS.items():
        if name in values:
            values[field] = find_named(env, model, contact.tenant_id, values.pop(name))
    if "attributes" in values:
        values["attributes"] = {**(contact.attributes or {}), **values["attributes"]}
    contact.write(values)
    return Contact(**contact._describe())


@router.delete("/{tenant_id:int}/{contact_id}", status_code=204, responses=problem_responses(401, 403, 404, 422, 429))
def delete_contact(_env: WriteEnv, contact: Record) -> None:
    """Forget a contact; its suppressions stay, so that it is not written to when it is imported again."""
    contact.sudo().unlink()


def _names(query, member):
    if member is not None and not (isinstance(member, list) and all(isinstance(one, str) for one in member)):
        raise ApiProblem(422, "lists and tags: send lists of names.")
    return [name.strip()[:200] for name in [*query.split(","), *(member or [])] if name.strip()]
