"""Double opt-ins: ask a person by mail, read the proof."""

from fastapi import APIRouter

from odoo.addons.email_engine_bridge.routers.dependencies import WriteEnv, get_visible, of_path
from odoo.addons.email_engine_bridge.schemas.problem import problem_responses

from ..schemas.optins import Optin, OptinCreate
from .named import find_named

router = APIRouter(prefix="/opt-ins", tags=["contacts"])
Record = of_path("engine.optin", "optin_id", in_tenant=False)


@router.post("", status_code=202, responses=problem_responses(400, 401, 403, 404, 409, 415, 422, 429))
def request_optin(body: OptinCreate, env: WriteEnv) -> Optin:
    """Ask the owner of an address by mail; he becomes a contact of the lists when he confirms."""
    tenant = get_visible(env, "engine.tenant", body.tenant_id)
    values = body.model_dump(exclude={"tenant_id", "lists"})
    values["list_ids"] = find_named(env, "engine.contact.list", tenant, body.lists)
    if body.template_id:
        values["template_id"] = get_visible(env, "engine.template", body.template_id, [("tenant_id", "=", tenant.id)])
    return Optin(**env["engine.optin"]._request(tenant, values)._describe())


@router.get("/{optin_id}", responses=problem_responses(401, 404, 422, 429))
def get_optin(optin: Record) -> Optin:
    """One opt-in: what was asked when, and when and from where it was confirmed."""
    return Optin(**optin._describe())
