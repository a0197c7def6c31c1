"""Quotas of the document: capacity of a tenant, may so many leave, one IP."""

from fastapi import APIRouter

from ..exceptions import ApiProblem
from ..schemas.problem import problem_responses
from ..schemas.quota import IpQuota, QuotaAnswer, QuotaQuestion, TenantQuota
from .dependencies import RecordId, Tenant

router = APIRouter(prefix="/quotas", tags=["quotas"], responses=problem_responses(400, 401, 403, 404, 405, 422, 429))


@router.get("/{tenant_id}")
def get_capacity(tenant: Tenant) -> TenantQuota:
    """Tell what the tenant's IPs may send today, and what is left."""
    return TenantQuota(**tenant._get_capacity())


@router.post("/{tenant_id}/check")
def check_quota(tenant: Tenant, question: QuotaQuestion) -> QuotaAnswer:
    """Tell whether so many mails can leave today. Nothing is reserved."""
    return QuotaAnswer(**tenant._check_quota(question.emails_to_send))


@router.get("/{tenant_id}/ip/{ip_id}")
def get_ip_quota(tenant: Tenant, ip_id: RecordId) -> IpQuota:
    """Tell the quota of one IP of the tenant today."""
    found = [ip for ip in tenant._get_capacity()["ips"] if ip["ip_id"] == ip_id]
    if not found:
        raise ApiProblem(404, f"This tenant has no IP address {ip_id}.")
    return IpQuota(**found[0])
