"""Who calls, how much and what, asked before a byte of a body is read: strangers cost nothing."""

import re

from odoo.http import request
from starlette.exceptions import HTTPException

from ..exceptions import ApiProblem, EngineRejected
from ..tools.json_shape import check_json_shape

PAGES = ("/docs", "/openapi.json")  # for everybody, without a body
WEBHOOK = re.compile(r"/webhooks/([^/]+)(?:/([^/]+))?/?")
ROWS = ("/webhooks/", "/contacts/ingest")  # bodies of many rows, which their routes read one by one
MAX_ROWS_BODY = 32 * 1024 * 1024  # bytes
MAX_SIGNED_BODY = 8 * 1024 * 1024  # bytes; a signature is known only after the whole body
MAX_JSON_BODY = 8 * 1024 * 1024  # bytes; the largest, a template, has two texts of 512 Ki characters
# `curl -d '{…}'` labels JSON as a form; these types say nothing about the body.
UNTYPED_BODIES = ("application/x-www-form-urlencoded", "text/plain", "")
ROW_BODIES = re.compile(r"application/(?:gzip|x-gzip|octet-stream|x-ndjson|jsonl?|csv|[\w.-]+\+json)|text/[\w.+-]+")
JSON_BODIES = re.compile(r"application/(?:json|[\w.-]+\+json)")


def admit(path):
    """Raise what to answer to a call of this path below /api/v2, or read its body within its limit."""
    httprequest = request.httprequest
    if WEBHOOK.fullmatch(path) and httprequest.method != "POST":
        raise HTTPException(405, headers={"Allow": "POST"})  # no secret: no need to ask who calls
    limit = _authenticate(path)
    if b"%00" in httprequest.query_string:
        raise ApiProblem(422, "A text holds a NUL character, which cannot be stored.")
    if (httprequest.content_length or 0) > limit:
        raise _too_large(limit)
    _check_type(path, media_type())
    httprequest.max_content_length = limit + 1  # Werkzeug cuts a body of unannounced length here, and says nothing
    body = httprequest.get_data()
    if len(body) > limit:
        raise _too_large(limit)
    if not path.startswith(ROWS):
        _check_shape(body)


def _authenticate(path):
    """Return the limit of the body, in bytes, once it is known who sends it."""
    if path in PAGES:
        return 0
    if webhook := WEBHOOK.fullmatch(path):
        kind, token = webhook.groups()
        sources_sudo = request.env["engine.webhook.source"].sudo()
        sources_sudo._check_caller(kind, token, request.httprequest.headers, request.httprequest.remote_addr)
        return MAX_ROWS_BODY if token else MAX_SIGNED_BODY
    request.engine_api_key_sudo = request.env["engine.api.key"].sudo()._authenticate(_bearer_token())
    return MAX_ROWS_BODY if path.startswith(ROWS) else MAX_JSON_BODY


def media_type():
    return request.httprequest.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _bearer_token():
    scheme, _space, token = request.httprequest.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _check_type(path, kind):
    expected = ROW_BODIES if path.startswith(ROWS) else JSON_BODIES
    if kind not in UNTYPED_BODIES and not expected.fullmatch(kind):
        raise ApiProblem(415, "Send JSON: Content-Type: application/json.")


def _check_shape(body):
    try:
        check_json_shape(body)
    except EngineRejected as error:
        raise ApiProblem(422, f"{error}.") from error


def _too_large(limit):
    return ApiProblem(413, f"Send at most {limit} bytes in one call.")
