"""Single messages: send one to a few people, what became of it, its events."""

from fastapi import APIRouter

from odoo.addons.email_engine_bridge.routers.dependencies import (
    EngineEnv,
    Paging,
    WriteEnv,
    get_visible,
    list_page,
    of_path,
)
from odoo.addons.email_engine_bridge.schemas.problem import problem_responses

from ..schemas.messages import Message, MessageCreate, MessageEventPage

router = APIRouter(prefix="/messages", tags=["messages"])


Record = of_path("engine.message", "message_id", in_tenant=False)


@router.post("", status_code=202, responses=problem_responses(400, 401, 403, 404, 409, 415, 422, 429))
def send_message(body: MessageCreate, env: WriteEnv) -> Message:
    """Take a message to one or few people, within the quotas; with an Idempotency-Key it is sent once, however often
    it is asked for."""
    tenant = get_visible(env, "engine.tenant", body.tenant_id)
    values = body.model_dump()
    if body.template_id:
        of_tenant = [("tenant_id", "=", tenant.id)]
        values["template_id"] = get_visible(env, "engine.template", body.template_id, of_tenant)
    return Message(**env["engine.message"]._submit(tenant, values)._describe())


@router.get("/{message_id}", responses=problem_responses(401, 404, 422, 429))
def get_message(message: Record) -> Message:
    """One message with what became of it for each recipient."""
    return Message(**message._describe())


@router.get("/{message_id}/events", responses=problem_responses(401, 404, 422, 429))
def list_message_events(message: Record, env: EngineEnv, paging: Paging) -> MessageEventPage:
    """What happened to a message, the newest first."""
    return MessageEventPage(**list_page(env, "engine.event", message._get_events_domain(), paging))
