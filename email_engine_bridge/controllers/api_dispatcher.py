"""How /api/v2 answers: OCA's FastAPI dispatcher with problem documents and request ids."""

import logging
import re
import time
import uuid

from fastapi.exceptions import RequestValidationError
from odoo.exceptions import ConcurrencyError, UserError
from odoo.http import request
from starlette.exceptions import HTTPException

from odoo.addons.fastapi.fastapi_dispatcher import FastApiDispatcher
from odoo.addons.lokario_gate import redaction

from ..exceptions import ApiProblem
from ..schemas.problem import problem_from_exception
from .api_admission import UNTYPED_BODIES, admit, media_type

_logger = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class EngineApiDispatcher(FastApiDispatcher):
    routing_type = "engine_api"

    def __init__(self, odoo_request):
        super().__init__(odoo_request)
        asked = odoo_request.httprequest.headers.get("X-Request-ID", "")
        self.request_id = asked if REQUEST_ID.fullmatch(asked) else uuid.uuid4().hex
        self.started = time.monotonic()

    def dispatch(self, endpoint, args):
        request.engine_request_id = self.request_id
        try:
            admit(f"/{args.get('application_path', '')}")
            response = super().dispatch(endpoint, args)
        except (HTTPException, RequestValidationError, UserError) as error:
            error.loglevel = logging.INFO  # the caller's mistake, not a server error
            raise
        except ValueError as error:
            if "NUL (0x00)" not in str(error):  # psycopg2's words for a text PostgreSQL cannot hold
                raise
            raise ApiProblem(422, "A text holds a NUL character, which cannot be stored.") from error
        except AttributeError as error:
            # The bridge between WSGI and ASGI can end a call whose application failed early before it hears of the
            # failure: then there is no answer at all. Odoo rolls back and makes the call again.
            if "headers" in vars(self):
                raise
            raise ConcurrencyError("The answer of the API got lost") from error
        return self._sign(response)

    def handle_error(self, exc):
        status, document, headers = problem_from_exception(exc, self.request_id)
        response = self.request.make_json_response(document, status=status, headers=headers)
        response.headers["Content-Type"] = "application/problem+json"
        return self._sign(response)

    def _sign(self, response):
        """Give the response its request id and log one line about it."""
        response.headers["X-Request-ID"] = self.request_id
        _logger.info(
            "api %s %s -> %s in %.0f ms, request %s, key %s",
            self.request.httprequest.method,
            redaction.blank(self.request.httprequest.path),
            response.status_code,
            (time.monotonic() - self.started) * 1000,
            self.request_id,
            getattr(request, "engine_api_key_index", "-"),
        )
        return response

    def _get_environ(self):
        environ = super()._get_environ()
        if media_type() in UNTYPED_BODIES:
            environ["CONTENT_TYPE"] = "application/json"
        if body := request.httprequest.get_data():
            environ["CONTENT_LENGTH"] = str(len(body))  # also of a body that came in pieces
        return environ
