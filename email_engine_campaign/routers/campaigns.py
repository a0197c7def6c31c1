"""Campaigns: create, send, pause, resume, cancel, try out."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header

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

from ..schemas.campaigns import (
    Campaign,
    CampaignCreate,
    CampaignPage,
    SendAnswer,
    TrialAnswer,
    TrialRequest,
)
from .named import find_named

router = APIRouter(prefix="/campaigns", tags=["campaigns"])
SKEW = timedelta(minutes=5)  # by which the caller's clock may be wrong
ONLY_CAMPAIGNS = [("kind", "=", "campaign")]


def action_of_path(action: Literal["pause", "resume", "cancel"]):
    """Return the last part of the path; a dependency, so that it stays the last parameter of the documentation."""
    return action


Record = of_path("engine.campaign", "campaign_id", domain=ONLY_CAMPAIGNS)
Action = Annotated[str, Depends(action_of_path)]
Key = Annotated[str | None, Header(max_length=200, alias="Idempotency-Key")]
WRITE_PROBLEMS = problem_responses(400, 401, 403, 404, 409, 422, 429)


@router.post("", status_code=201, responses=WRITE_PROBLEMS)
def create_campaign(body: CampaignCreate, env: WriteEnv) -> Campaign:
    """Create a campaign; with `scheduled_at` it starts automatically."""
    tenant = get_visible(env, "engine.tenant", body.tenant_id)
    get_visible(env, "engine.template", body.template_id)
    values = body.model_dump(exclude={"lists", "tags", "segments", "scheduled_at"}, exclude_none=True)
    values["list_ids"] = find_named(env, "engine.contact.list", tenant, body.lists)
    values["tag_ids"] = find_named(env, "engine.contact.tag", tenant, body.tags)
    values["segment_ids"] = find_named(env, "engine.segment", tenant, body.segments)
    campaign = env["engine.campaign"].create(values)
    if body.scheduled_at:
        if body.scheduled_at.tzinfo is None:
            raise ApiProblem(422, "scheduled_at: send a time zone, such as 2026-03-01T09:00:00+01:00.")
        if body.scheduled_at < datetime.now(UTC) - SKEW:
            raise ApiProblem(422, "scheduled_at: this moment is over; send the campaign instead.")
        campaign.scheduled_at = body.scheduled_at.astimezone(UTC).replace(tzinfo=None)
        campaign.action_schedule()
    return Campaign(**campaign._describe())


@router.get("/{tenant_id}", responses=problem_responses(401, 404, 422, 429))
def list_campaigns(tenant: Tenant, env: EngineEnv, paging: Paging) -> CampaignPage:
    """The campaigns of a tenant, the newest first."""
    return CampaignPage(**list_page(env, "engine.campaign", [("tenant_id", "=", tenant.id), *ONLY_CAMPAIGNS], paging))


@router.get("/{tenant_id}/{campaign_id}", responses=problem_responses(401, 404, 422, 429))
def get_campaign(campaign: Record) -> Campaign:
    """One campaign with its figures."""
    return Campaign(**campaign._describe())


@router.post("/{tenant_id}/{campaign_id}/send", responses=WRITE_PROBLEMS)
def send_campaign(_env: WriteEnv, campaign: Record, key: Key = None) -> SendAnswer:
    """Send what fits today and say when the rest leaves; a repeated call never sends twice."""
    return SendAnswer(**campaign._send(key))


@router.post("/{tenant_id}/{campaign_id}/test", responses=WRITE_PROBLEMS)
def try_campaign(env: WriteEnv, campaign: Record, body: TrialRequest) -> TrialAnswer:
    """Queue the message to some addresses, outside of the journal and the figures; it counts in the quota."""
    return TrialAnswer(**env["engine.campaign.trial"]._send(campaign, body.to, body.sample))


@router.post("/{tenant_id}/{campaign_id}/{action}", responses=WRITE_PROBLEMS)
def change_campaign(_env: WriteEnv, campaign: Record, action: Action) -> Campaign:
    """Pause (effective within a second), resume or cancel."""
    {"pause": campaign.action_pause, "resume": campaign.action_resume, "cancel": campaign.action_cancel}[action]()
    return Campaign(**campaign._describe())
