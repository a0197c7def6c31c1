"""Who calls, how much and what, asked before a byte of a body is read: strangers cost nothing."""

import re

from odoo.http import request

from ..exceptions import ApiProblem, EngineRejected
from ..tools.json_shape import check_json_shape, check_names
from . import api_wire

# `curl -d '{…}'` labels JSON as a form; these types say nothing about the body.
UNTYPED_BODIES = ("application/x-www-form-urlencoded", "text/plain", "")
ROW_BODIES = re.compile(r"application/(?:gzip|x-gzip|octet-stream|x-ndjson|jsonl?|csv|[\w.-]+\+json)|text/[\w.+-]+")
JSON_BODIES = re.compile(r"application/(?:json|[\w.-]+\+json)")


def admit(path):
    """Raise what to answer to a call of this path below /api/v2, or read its body within its limit."""
    httprequest = request.httprequest
    admission = request.env["engine.api.admission"]._admit(path, httprequest)
    request.engine_api_key_sudo = admission.key_sudo
    request.engine_rate_headers = admission.rate.headers() if admission.rate else {}
    if b"%00" in httprequest.query_string:
        raise ApiProblem(422, "A text holds a NUL character, which cannot be stored.")
    if (httprequest.content_length or 0) > admission.max_body:
        raise _too_large(admission.max_body)
    _check_type(ROW_BODIES if admission.has_rows else JSON_BODIES)
    httprequest.max_content_length = admission.max_body + 1  # Werkzeug cuts a body of unannounced length here, silently
    body = httprequest.get_data()
    if len(body) > admission.max_body:
        raise _too_large(admission.max_body)
    if admission.key_sudo:
        body = api_wire.unpack(body, admission.max_body)
    if not admission.has_rows:
        _check_shape(body)


def media_type():
    return request.httprequest.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _check_type(expected):
    kind = media_type()
    if kind not in UNTYPED_BODIES and not expected.fullmatch(kind):
        raise ApiProblem(415, "Send JSON: Content-Type: application/json.")


def _check_shape(body):
    try:
        check_json_shape(body)
        check_names(body)
    except EngineRejected as error:
        raise ApiProblem(422, f"{error}.") from error


def _too_large(limit):
    return ApiProblem(413, f"Send at most {limit} bytes in one call.")
