"""Campaigns: create, send, pause, resume, cancel, try out."""

from datetime import UTC
from typing import Annotated, Literal

from fastapi import APIRouter, Header

from odoo.addons.email_engine_bridge.exceptions import ApiProblem
from odoo.addons.email_engine_bridge.routers.dependencies import (
    EngineEnv,
    Paging,
    RecordId,
    WriteEnv,
    engine_tenant,
    get_visible,
)
from odoo.addons.email_engine_bridge.schemas.problem import problem_responses

from ..schemas.campaigns import (
    Campaign,
    CampaignCreate,
    CampaignPage,
    SendAnswer,
    TrialAnswer,
    TrialRequest,
    campaign_to_schema,
)

router = APIRouter(prefix="/campaigns", tags=["campaigns"])
Key = Annotated[str | None, Header(max_length=200, alias="Idempotency-Key")]
WRITE_PROBLEMS = problem_responses(400, 401, 403, 404, 409, 422, 429)


@router.post("", status_code=201, responses=WRITE_PROBLEMS)
def create_campaign(body: CampaignCreate, env: WriteEnv) -> Campaign:
    """Create a campaign; with `scheduled_at` it starts by itself."""
    tenant = get_visible(env, "engine.tenant", body.tenant_id)
    get_visible(env, "engine.template", body.template_id)
    values = body.model_dump(exclude={"lists", "tags", "scheduled_at"}, exclude_none=True)
    values["list_ids"] = _find_named(env, "engine.contact.list", tenant, body.lists)
    values["tag_ids"] = _find_named(env, "engine.contact.tag", tenant, body.tags)
    campaign = env["engine.campaign"].create(values)
    if body.scheduled_at:
        if body.scheduled_at.tzinfo is None:
            raise ApiProblem(422, "scheduled_at: send a time zone, such as 2026-03-01T09:00:00+01:00.")
        campaign.scheduled_at = body.scheduled_at.astimezone(UTC).replace(tzinfo=None)
        campaign.action_schedule()
    return campaign_to_schema(campaign)


@router.get("/{tenant_id}", responses=problem_responses(401, 404, 422, 429))
def list_campaigns(tenant_id: RecordId, env: EngineEnv, paging: Paging) -> CampaignPage:
    """The campaigns of a tenant, the newest first."""
    domain = [("tenant_id", "=", engine_tenant(tenant_id, env).id)]
    campaigns = env["engine.campaign"].search(domain, offset=paging.offset, limit=paging.limit)
    return CampaignPage(
        items=[campaign_to_schema(one) for one in campaigns], total=env["engine.campaign"].search_count(domain)
    )


@router.get("/{tenant_id}/{campaign_id}", responses=problem_responses(401, 404, 422, 429))
def get_campaign(tenant_id: RecordId, campaign_id: RecordId, env: EngineEnv) -> Campaign:
    """One campaign with its figures."""
    return campaign_to_schema(_get_campaign(env, tenant_id, campaign_id))


@router.post("/{tenant_id}/{campaign_id}/send", responses=WRITE_PROBLEMS)
def send_campaign(tenant_id: RecordId, campaign_id: RecordId, env: WriteEnv, key: Key = None) -> SendAnswer:
    """Send what fits today and say when the rest leaves; a repeated call never sends twice."""
    return SendAnswer(**_get_campaign(env, tenant_id, campaign_id)._send(key))


@router.post("/{tenant_id}/{campaign_id}/test", responses=WRITE_PROBLEMS)
def try_campaign(tenant_id: RecordId, campaign_id: RecordId, body: TrialRequest, env: WriteEnv) -> TrialAnswer:
    """Queue the message to some addresses, outside of the journal and the figures; it counts in the quota."""
    return TrialAnswer(
        **env["engine.campaign.trial"]._send(_get_campaign(env, tenant_id, campaign_id), body.to, body.sample)
    )


@router.post("/{tenant_id}/{campaign_id}/{action}", responses=WRITE_PROBLEMS)
def change_campaign(
    tenant_id: RecordId, campaign_id: RecordId, action: Literal["pause", "resume", "cancel"], env: WriteEnv
) -> Campaign:
    """Pause (effective within a second), resume or cancel."""
    campaign = _get_campaign(env, tenant_id, campaign_id)
    {"pause": campaign.action_pause, "resume": campaign.action_resume, "cancel": campaign.action_cancel}[action]()
    return campaign_to_schema(campaign)


def _get_campaign(env, tenant_id, campaign_id):
    campaign = get_visible(env, "engine.campaign", campaign_id)
    if campaign.tenant_id != engine_tenant(tenant_id, env):
        raise ApiProblem(404, f"There is no campaign {campaign_id} here.")
    return campaign


def _find_named(env, model, tenant, names):
    found = env[model].search([("tenant_id", "=", tenant.id), ("name", "in", names)])
    missing = set(names) - set(found.mapped("name"))
    if missing:
        raise ApiProblem(422, f"Unknown: {', '.join(sorted(missing))}.")
    return found.ids
