"""Endpoints by which an external scheduler (cron-job.org, crontab) starts a job of ir.cron.

An addon publishes one with three lines::

    @http.route("/inbox/integrations/sync-all", **SCHEDULED_ROUTE)
    def sync_all(self, **params):
        return run_scheduled("lokario_inbox.ir_cron_sync_all")
"""

import hmac
import json
import logging

from odoo import fields
from odoo.http import request
from odoo.tools import str2bool

from ..server_settings import server_setting

_logger = logging.getLogger(__name__)

SCHEDULED_ROUTE = {
    "type": "http",
    "auth": "public",
    "methods": ["GET", "POST"],
    "csrf": False,
    "save_session": False,
    "max_content_length": 64 * 1024,
}
SECRET_SETTING = "CRON_SECRET"  # noqa: S105  its name
OPEN_SETTING = "LOKARIO_OPEN_ENDPOINTS"  # development only: no secret needed on loopback
MIN_SECRET_LENGTH = 32
LOOPBACK = ("127.0.0.1", "::1")
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")


def run_scheduled(cron_xmlid: str):
    """Run the job (or join its run) and return the HTTP answer of its endpoint."""
    if refusal := _refusal():
        return _answer(*refusal)
    cron_id = request.env["ir.model.data"]._xmlid_to_res_id(cron_xmlid, raise_if_not_found=True)
    cron = request.env["ir.cron"].sudo().browse(cron_id)
    _logger.info(cron.endpoint_log_message)
    if request.env["ir.config_parameter"].sudo().get_param("database.is_neutralized"):
        return _answer(503, request.env._("This database is a neutralized copy: no job is started here."))
    outcome = cron._await_endpoint_run()
    if outcome == "failed":
        failed = cron.endpoint_failed_message or request.env._("The job failed. See the server's log.")
        return _answer(500, failed)
    return _answer(200, cron.endpoint_running_message if outcome == "running" else cron.endpoint_done_message)


def cron_secret() -> str:
    """Return the secret that is set; a line end that was pasted with it is no part of it."""
    return server_setting(SECRET_SETTING).strip()


def is_secret_usable(secret: str) -> bool:
    """Whether a secret may guard the endpoints."""
    return len(secret) >= MIN_SECRET_LENGTH


def _refusal() -> tuple[int, str] | None:
    secret = cron_secret()
    if is_secret_usable(secret):
        matches = [hmac.compare_digest(given.encode(), secret.encode()) for given in _given_secrets()]
        return None if any(matches) else (403, request.env._("Access refused."))
    if not secret and str2bool(server_setting(OPEN_SETTING) or "0") and _is_local():
        return None
    return 503, request.env._("Service unavailable.")


def _given_secrets() -> list[str]:
    """What the caller gives as the secret; a header may be a proxy's own. In a URL a plus sign stands for a space."""
    headers, in_url = request.httprequest.headers, request.httprequest.values.get("secret", "")
    scheme, _space, token = headers.get("Authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return [bearer, headers.get("X-Cron-Secret", ""), in_url, in_url.replace(" ", "+")]


def _is_local() -> bool:
    headers = request.httprequest.headers
    return request.httprequest.remote_addr in LOOPBACK and not any(name in headers for name in FORWARDED)


def _answer(status: int, message: str):
    body = {"success": status == 200, "message": message, "timestamp": fields.Datetime.now().isoformat()}
    # not make_json_response: its Content-Length counts characters, and translations have accents
    return request.make_response(
        json.dumps(body, ensure_ascii=False),
        headers=[("Content-Type", "application/json; charset=utf-8"), ("Cache-Control", "no-store")],
        status=status,
    )
