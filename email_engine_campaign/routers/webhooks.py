"""Events from PowerMTA and MailWizz; answered only once they are stored, so that a sender may repeat."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request
from odoo.api import Environment

from odoo.addons.email_engine_bridge.exceptions import ApiProblem, EngineRejected
from odoo.addons.email_engine_bridge.schemas.problem import problem_responses
from odoo.addons.fastapi.dependencies import odoo_env

from ..schemas.webhooks import IntakeSummary
from .bodies import raw_body

router = APIRouter(prefix="/webhooks", tags=["webhooks"])
Kind = Literal["powermta", "mailwizz"]
Body = Annotated[bytes, Depends(raw_body)]
OdooEnv = Annotated[Environment, Depends(odoo_env)]
CHUNK = 256 * 1024
PROBLEMS = problem_responses(401, 404, 409, 413, 422)
EXTRA = {
    "requestBody": {
        "required": True,
        "description": "CSV with a header line, a JSON array, object or lines; gzip or not",
        "content": {"application/json": {"schema": {}}, "text/csv": {"schema": {"type": "string"}}},
    }
}


@router.post("/{kind}", responses=PROBLEMS, openapi_extra=EXTRA)
def receive_signed(kind: Kind, request: Request, env: OdooEnv, body: Body) -> IntakeSummary:
    """Deliveries signed by the Standard Webhooks scheme."""
    return _receive(env, kind, "", request, body)


@router.post("/{kind}/{token}", responses=PROBLEMS, openapi_extra=EXTRA)
def receive_by_token(
    kind: Kind, token: Annotated[str, Path(max_length=100)], request: Request, env: OdooEnv, body: Body
) -> IntakeSummary:
    """Deliveries of senders that cannot sign: the token of the path, and their address if it is listed."""
    return _receive(env, kind, token, request, body)


def _receive(env, kind, token, request, body):
    address = request.client.host if request.client else ""
    sources_sudo = env["engine.webhook.source"].sudo()
    source_sudo, message_id = sources_sudo._authenticate(kind, token, request.headers, body, address)
    try:
        summary = source_sudo._receive(body, message_id)
    except EngineRejected as error:
        raise ApiProblem(422, str(error)) from error
    return IntakeSummary(**summary)
