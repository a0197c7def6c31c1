"""Domains and their IPs: add one (scripts/add_domain.py), list them, export their zone."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from ..schemas.domain import DomainList, DomainRow, NewDomain, NewDomainAnswer
from ..schemas.problem import problem_responses
from .dependencies import EngineEnv, Paging, Tenant, WriteEnv, get_visible, list_page, of_path

router = APIRouter(prefix="/domains", tags=["domains"], responses=problem_responses(400, 401, 403, 404, 405, 422, 429))
Record = of_path("engine.domain", "domain_id", in_tenant=False)


@router.post("", status_code=201)
def add_domain(env: WriteEnv, values: NewDomain) -> NewDomainAnswer:
    """Add a domain with its IP and its DKIM key; the answer says what to publish."""
    tenant = get_visible(env, "engine.tenant", values.tenant_id)
    ip = tenant._add_domain(values.domain, values.ip, selector=values.selector)
    return NewDomainAnswer(**ip._describe_new())


@router.get("/{tenant_id}")
def list_domains(tenant: Tenant, env: EngineEnv, page: Paging) -> DomainList:
    """List the tenant's domains with what the DNS board says."""
    domain = [("tenant_id", "=", tenant.id)]
    return DomainList(**list_page(env, "engine.domain", domain, page))


@router.post("/{domain_id}/check")
def check_domain(_env: WriteEnv, domain: Record) -> DomainRow:
    """Have the name servers asked; call again for what they said. An IP whose records are right starts its warm-up."""
    domain.sudo()._enqueue_check()
    return DomainRow(**domain._describe())


@router.get("/{domain_id}/zone", response_class=PlainTextResponse)
def get_zone(domain: Record):
    """Return the domain's records for a BIND zone file."""
    return PlainTextResponse(domain.zone_text)
