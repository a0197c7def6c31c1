"""Suppressions: who must not be written to, and why; add, list, lift."""

from typing import Annotated

from fastapi import APIRouter, Query
from odoo import fields

from odoo.addons.email_engine_bridge.exceptions import ApiProblem
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
from odoo.addons.email_engine_bridge.tools.contact_rows import inspect_address, normalise_address

from ..schemas.suppressions import LiftRequest, Suppression, SuppressionCreate, SuppressionPage

router = APIRouter(prefix="/suppressions", tags=["contacts"])
WRITE_PROBLEMS = problem_responses(400, 401, 403, 404, 409, 415, 422, 429)


Record = of_path("engine.suppression", "suppression_id")


@router.post("", status_code=201, responses=WRITE_PROBLEMS)
def add_suppression(body: SuppressionCreate, env: WriteEnv) -> Suppression:
    """Suppress an address for a tenant; one that is suppressed already stays as it is."""
    tenant = get_visible(env, "engine.tenant", body.tenant_id)
    address = normalise_address(body.email)
    if inspect_address(address) == "invalid":
        raise ApiProblem(422, "email: this is no address.")
    if body.until and body.until < fields.Date.context_today(tenant.with_context(tz=tenant.tz)):
        raise ApiProblem(422, "until: this day is over.")
    suppressions = env["engine.suppression"]
    suppressions._suppress(tenant, [address], "manual", note=body.note, source="api", until=body.until)
    standing = [("tenant_id", "=", tenant.id), ("email", "=", address), ("lifted_at", "=", False)]
    return Suppression(**suppressions.search(standing)._describe())


@router.get("/{tenant_id}", responses=problem_responses(401, 404, 422, 429))
def list_suppressions(
    tenant: Tenant, env: EngineEnv, paging: Paging, email: Annotated[str | None, Query(max_length=320)] = None
) -> SuppressionPage:
    """The suppressions of a tenant, the newest first, or that of an address."""
    domain = [("tenant_id", "=", tenant.id)]
    if email:
        domain.append(("email", "=", normalise_address(email)))
    return SuppressionPage(**list_page(env, "engine.suppression", domain, paging))


@router.post("/{tenant_id}/{suppression_id}/lift", responses=WRITE_PROBLEMS)
def lift_suppression(_env: WriteEnv, suppression: Record, body: LiftRequest) -> Suppression:
    """Let the address be written to again; who, when and why is kept. A complaint is not lifted."""
    suppression._lift(body.reason)
    return Suppression(**suppression._describe())
