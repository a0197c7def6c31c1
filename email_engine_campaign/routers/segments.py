"""Segments: people whom rules describe; create, list, count, archive."""

from fastapi import APIRouter
from odoo import Command

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

from ..schemas.segments import CountedSegment, SegmentCreate, SegmentPage

router = APIRouter(prefix="/segments", tags=["contacts"])
Record = of_path("engine.segment", "segment_id")


@router.post("", status_code=201, responses=problem_responses(400, 401, 403, 404, 409, 415, 422, 429))
def create_segment(body: SegmentCreate, env: WriteEnv) -> CountedSegment:
    """Describe people by rules on their values, consent and engagement; they are found anew for each campaign."""
    tenant = get_visible(env, "engine.tenant", body.tenant_id)
    named = [("tenant_id", "=", tenant.id), ("name", "=", body.name)]
    if env["engine.segment"].search_count(named, limit=1):
        raise ApiProblem(409, f"This tenant has a segment named {body.name!r} already.")
    values = body.model_dump(exclude={"rules"})
    values["rule_ids"] = [Command.create(rule.model_dump()) for rule in body.rules]
    return CountedSegment(**env["engine.segment"].create(values)._describe_counted())


@router.get("/{tenant_id}", responses=problem_responses(401, 404, 422, 429))
def list_segments(tenant: Tenant, env: EngineEnv, paging: Paging) -> SegmentPage:
    """The segments of a tenant."""
    return SegmentPage(**list_page(env, "engine.segment", [("tenant_id", "=", tenant.id)], paging))


@router.get("/{tenant_id}/{segment_id}", responses=problem_responses(401, 404, 422, 429))
def get_segment(segment: Record) -> CountedSegment:
    """One segment, with how many people are in it now."""
    return CountedSegment(**segment._describe_counted())


@router.delete("/{tenant_id}/{segment_id}", status_code=204, responses=problem_responses(401, 403, 404, 422, 429))
def delete_segment(_env: WriteEnv, segment: Record) -> None:
    """Archive a segment; the campaigns that used it stay."""
    segment.action_archive()
