"""IPs: what each may send today, and stop or resume one."""

from fastapi import APIRouter

from ..schemas.ips import Ip, IpChange, IpPage
from ..schemas.problem import problem_responses
from .dependencies import EngineEnv, Paging, RecordId, Tenant, WriteEnv, get_visible, list_page

router = APIRouter(prefix="/ips", tags=["ips"])
WRITE_PROBLEMS = problem_responses(400, 401, 403, 404, 409, 415, 422, 429)


@router.get("/{tenant_id}", responses=problem_responses(401, 404, 422, 429))
def list_ips(tenant: Tenant, env: EngineEnv, paging: Paging) -> IpPage:
    """The IPs of a tenant and their day."""
    return IpPage(**list_page(env, "engine.ip", [("tenant_id", "=", tenant.id)], paging))


@router.post("/{ip_id}/pause", responses=WRITE_PROBLEMS)
def pause_ip(ip_id: RecordId, env: WriteEnv, body: IpChange) -> Ip:
    """Stop an IP from the next window on; it keeps its stage of the warm-up."""
    ip = get_visible(env, "engine.ip", ip_id)
    ip._set_status("paused", body.reason)
    return Ip(**ip._describe())


@router.post("/{ip_id}/resume", responses=WRITE_PROBLEMS)
def resume_ip(ip_id: RecordId, env: WriteEnv, body: IpChange) -> Ip:
    """Let a stopped IP go on where it was."""
    ip = get_visible(env, "engine.ip", ip_id)
    ip._resume(body.reason)
    return Ip(**ip._describe())
