"""PowerMTA configurations, VirtualMTAs, MailWizz delivery servers and DKIM keys of the document."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import PlainTextResponse

from ..schemas.powermta import DeliveryServer, DkimConfig, VmtaConfig
from ..schemas.problem import problem_responses
from .dependencies import EngineEnv, Tenant

router = APIRouter(
    prefix="/powermta", tags=["powermta"], responses=problem_responses(400, 401, 403, 404, 405, 409, 422, 429)
)
ConfigText = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The configuration"}}


def _attachment(text, filename):
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return PlainTextResponse(text, headers=headers)


@router.get("/config/download", response_class=PlainTextResponse, responses=ConfigText)
def download_config(env: EngineEnv):
    """Download the configuration of all tenants of the key, linted."""
    return _attachment(env["engine.tenant"].search([])._render_config(), "config")


@router.get("/config/{tenant_id}", response_class=PlainTextResponse, responses=ConfigText)
def download_tenant_config(tenant: Tenant):
    """Download the configuration of one tenant; its pool is the default one."""
    return _attachment(tenant._render_config(), f"{tenant.slug}.conf")


@router.get("/kumomta/{tenant_id}")
def get_kumomta_config(tenant: Tenant) -> dict[str, str]:
    """Return the same data as KumoMTA files: {file name: TOML}."""
    return tenant.env["engine.powermta.server"]._render_kumomta(tenant)


@router.get("/vmta/{tenant_id}")
def get_vmta_config(tenant: Tenant) -> VmtaConfig:
    """Tell the tenant's pool and VirtualMTAs."""
    return VmtaConfig(**tenant._get_vmta_config())


@router.get("/mailwizz-delivery-server/{tenant_id}")
def get_mailwizz_delivery_server(tenant: Tenant) -> DeliveryServer:
    """Tell what to copy into MailWizz's delivery server form."""
    return DeliveryServer(**tenant._get_mailwizz_delivery_server())


@router.get("/dkim/{domain}")
def get_dkim_config(
    env: EngineEnv,
    domain: Annotated[str, Path(max_length=253, examples=["mail1.sos-mail.com"])],
    selector: Annotated[str, Query(max_length=63)] = "default",
) -> DkimConfig:
    """Tell the TXT record to publish and the directive that signs."""
    return DkimConfig(**env["engine.dkim.key"]._describe(domain, selector))
