"""Outgoing webhooks: who is notified of what happens to a tenant's mail, the log of deliveries, repeats."""

from typing import Annotated

from fastapi import APIRouter, Depends

from odoo.addons.email_engine_bridge.exceptions import ApiProblem
from odoo.addons.email_engine_bridge.routers.dependencies import (
    EngineEnv,
    Paging,
    RecordId,
    Tenant,
    WriteEnv,
    get_visible,
    list_page,
)
from odoo.addons.email_engine_bridge.schemas.problem import problem_responses

from ..schemas.webhook_targets import (
    SecretRotation,
    WebhookDelivery,
    WebhookDeliveryPage,
    WebhookTarget,
    WebhookTargetChange,
    WebhookTargetCreate,
    WebhookTargetPage,
)

router = APIRouter(prefix="/webhook-targets", tags=["webhooks"])
READ_PROBLEMS = problem_responses(401, 404, 422, 429)
WRITE_PROBLEMS = problem_responses(400, 401, 403, 404, 409, 415, 422, 429)


def find_target(tenant_id: RecordId, target_id: RecordId, env: EngineEnv):
    """Return the target of the path, an inactive one too."""
    return get_visible(
        env(context={**env.context, "active_test": False}),
        "engine.webhook.target",
        target_id,
        [("tenant_id", "=", tenant_id)],
    )


Target = Annotated[object, Depends(find_target)]


@router.post("", status_code=201, responses=WRITE_PROBLEMS)
def create_webhook_target(body: WebhookTargetCreate, env: WriteEnv) -> WebhookTarget:
    """Notify an https address of what happens to the tenant's mail from now on, signed with this secret."""
    tenant = get_visible(env, "engine.tenant", body.tenant_id)
    _check_url(env, tenant, body.url)
    return WebhookTarget(**env["engine.webhook.target"].create(body.model_dump())._describe())


@router.get("/{tenant_id}", responses=READ_PROBLEMS)
def list_webhook_targets(tenant: Tenant, env: EngineEnv, paging: Paging) -> WebhookTargetPage:
    """The outgoing webhooks of a tenant, inactive ones too."""
    every = env(context={**env.context, "active_test": False})
    return WebhookTargetPage(**list_page(every, "engine.webhook.target", [("tenant_id", "=", tenant.id)], paging))


@router.patch("/{tenant_id}/{target_id}", responses=WRITE_PROBLEMS)
def change_webhook_target(env: WriteEnv, target: Target, body: WebhookTargetChange) -> WebhookTarget:
    """Change the address (with a secret of its own), or stop and start deliveries."""
    if target.active if body.active is None else body.active:
        _check_url(env, target.tenant_id, body.url or target.url, target)
    target.write(body.model_dump(exclude_none=True))
    return WebhookTarget(**target._describe())


@router.delete("/{tenant_id}/{target_id}", status_code=204, responses=problem_responses(401, 403, 404, 422, 429))
def delete_webhook_target(_env: WriteEnv, target: Target) -> None:
    """Notify this address no longer; its log goes, too."""
    target.unlink()


@router.post("/{tenant_id}/{target_id}/rotate", responses=WRITE_PROBLEMS)
def rotate_webhook_secret(_env: WriteEnv, target: Target, body: SecretRotation) -> WebhookTarget:
    """Sign with another secret; for a day deliveries are signed with the former one, too."""
    target._rotate(body.signing_secret)
    return WebhookTarget(**target._describe())


def _check_url(env, tenant, url, target=None):
    known = env["engine.webhook.target"].search([("tenant_id", "=", tenant.id), ("url", "=", url)])
    if known - target if target else known:
        raise ApiProblem(409, "This address gets the tenant's events already: each would come twice.")


@router.post("/{tenant_id}/{target_id}/test", status_code=202, responses=WRITE_PROBLEMS)
def test_webhook_target(_env: WriteEnv, target: Target) -> None:
    """Have a delivery of type `test` sent that says nothing."""
    target.action_test()


@router.get("/{tenant_id}/{target_id}/deliveries", responses=READ_PROBLEMS)
def list_webhook_deliveries(target: Target, env: EngineEnv, paging: Paging) -> WebhookDeliveryPage:
    """What was sent to the address in the last month, how often, and what it answered; the newest first."""
    return WebhookDeliveryPage(**list_page(env, "engine.webhook.delivery", [("target_id", "=", target.id)], paging))


@router.post("/{tenant_id}/{target_id}/deliveries/{delivery_id}/resend", responses=WRITE_PROBLEMS)
def resend_webhook_delivery(env: WriteEnv, target: Target, delivery_id: RecordId) -> WebhookDelivery:
    """Send a delivery again, with the same id."""
    delivery = get_visible(env, "engine.webhook.delivery", delivery_id, [("target_id", "=", target.id)])
    delivery.action_retry()
    return WebhookDelivery(**delivery._describe())
