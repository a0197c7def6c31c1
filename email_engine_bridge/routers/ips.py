"""IPs: what each may send today, and stop or resume one."""

from fastapi import APIRouter

from ..schemas.ips import Ip, IpChange, IpPage
from ..schemas.problem import problem_responses
from .dependencies import EngineEnv, Paging, Tenant, WriteEnv, list_page, of_path

router = APIRouter(prefix="/ips", tags=["ips"])
Record = of_path("engine.ip", "ip_id", in_tenant=False)
WRITE_PROBLEMS = problem_responses(400, 401, 403, 404, 409, 415, 422, 429)


@router.get("/{tenant_id}", responses=problem_responses(401, 404, 422, 429))
def list_ips(tenant: Tenant, env: EngineEnv, paging: Paging) -> IpPage:
    """The IPs of a tenant and their day."""
    return IpPage(**list_page(env, "engine.ip", [("tenant_id", "=", tenant.id)], paging))


@router.post("/{ip_id}/pause", responses=WRITE_PROBLEMS)
def pause_ip(_env: WriteEnv, ip: Record, body: IpChange) -> Ip:
    """Stop an IP from the next window on; it keeps its stage of the warm-up."""
    ip._set_status("paused", body.reason)
    return Ip(**ip._describe())


@router.post("/{ip_id}/resume", responses=WRITE_PROBLEMS)
def resume_ip(_env: WriteEnv, ip: Record, body: IpChange) -> Ip:
    """Let a stopped IP go on where it was."""
    ip._resume(body.reason)
    return Ip(**ip._describe())
