"""Statistics of a tenant: now, and day by day."""

from typing import Annotated

from fastapi import APIRouter, Query

from odoo.addons.email_engine_bridge.routers.dependencies import EngineEnv, Tenant
from odoo.addons.email_engine_bridge.schemas.problem import problem_responses

from ..schemas.stats import Overview, Performance

router = APIRouter(prefix="/stats", tags=["stats"])
PROBLEMS = problem_responses(401, 404, 422, 429)


@router.get("/{tenant_id}/overview", responses=PROBLEMS)
def get_overview(tenant: Tenant, env: EngineEnv) -> Overview:
    """What the tenant has, what it may still send today, and how its mail fared so far."""
    return Overview(**env["engine.stat.day"]._overview(tenant))


@router.get("/{tenant_id}/performance", responses=PROBLEMS)
def get_performance(tenant: Tenant, env: EngineEnv, days: Annotated[int, Query(ge=1, le=366)] = 30) -> Performance:
    """The figures of the last days: by day, by mailbox provider, by IP."""
    return Performance(**env["engine.stat.day"]._performance(tenant, days))
