"""Problem documents (RFC 9457), the one shape of every error of the API."""

from http import HTTPStatus

from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from odoo.exceptions import AccessDenied, AccessError, MissingError, UserError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from werkzeug.exceptions import HTTPException as WerkzeugHTTPException

from ..exceptions import ApiProblem


class Problem(BaseModel):
    """What the API answers instead of a success."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    request_id: str


def problem_from_exception(exc, request_id):
    """Return (status, problem document, headers) for whatever a route raised."""
    status, detail, extra = _describe(exc)
    document = {
        "type": "about:blank",
        "title": getattr(exc, "title", None) or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request_id": request_id,
        **extra,
    }
    return status, document, dict(getattr(exc, "headers", None) or {})


def _describe(exc):
    """Return (status, detail, extra members); of an unknown error nothing is said."""
    if isinstance(exc, ApiProblem):
        return exc.status, exc.detail, exc.extra
    if isinstance(exc, RequestValidationError):
        return 422, "The request is not valid.", {"errors": _validation_errors(exc)}
    if isinstance(exc, HTTPException):
        return exc.status_code, str(exc.detail), {}
    if isinstance(exc, WerkzeugHTTPException):
        return exc.code or 500, exc.description or "", {}
    if isinstance(exc, AccessDenied | AccessError):
        return 403, "This API key may not do that.", {}
    if isinstance(exc, MissingError):
        return 404, "There is no such record.", {}
    if isinstance(exc, UserError):
        return 422, str(exc.args[0]), {}
    return 500, "Internal server error.", {}


def _validation_errors(exc):
    """Return pydantic's findings without the values that were sent."""
    return [
        {"loc": [str(part) for part in error["loc"]], "msg": error["msg"], "type": error["type"]}
        for error in jsonable_encoder(exc.errors())
    ]


PROBLEM_CONTENT = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def problem_responses(*statuses):
    """Return FastAPI's `responses=` for these statuses.

    Takes the statuses of a route, e.g. `problem_responses(401, 404)`.
    """
    return {
        status: {
            "model": Problem,
            "description": HTTPStatus(status).phrase,
            "content": PROBLEM_CONTENT,
        }
        for status in statuses
    }
