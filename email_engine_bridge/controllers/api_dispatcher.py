"""How /api/v2 answers: OCA's FastAPI dispatcher with problem documents and request ids."""

import contextlib
import logging
import re
import threading
import time
import uuid
from io import BytesIO

from fastapi.exceptions import RequestValidationError
from odoo.exceptions import ConcurrencyError, UserError
from odoo.http import request
from starlette.exceptions import HTTPException
from starlette.routing import Mount

from odoo.addons.fastapi.fastapi_dispatcher import FastApiDispatcher, fastapi_app_pool
from odoo.addons.lokario_gate import redaction

from ..exceptions import ApiProblem
from ..schemas.problem import problem_from_exception
from . import api_wire
from .api_admission import UNTYPED_BODIES, admit, media_type

_logger = logging.getLogger(__name__)

MAX_IDEMPOTENCY_KEY = 200
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_making = threading.Lock()  # FastAPI silences warnings of the whole process while it makes an app: one at a time


class EngineApiDispatcher(FastApiDispatcher):
    routing_type = "engine_api"

    def __init__(self, odoo_request):
        super().__init__(odoo_request)
        asked = odoo_request.httprequest.headers.get("X-Request-ID", "")
        self.request_id = asked if REQUEST_ID.fullmatch(asked) else uuid.uuid4().hex
        self.started = time.monotonic()

    def dispatch(self, endpoint, args):
        request.engine_request_id = self.request_id
        path = args.get("application_path", "")
        root = self.request.httprequest.path.removesuffix(path).rstrip("/")
        try:
            admit(f"/{path}")
            with contextlib.ExitStack() as stack:
                with _making:
                    app = stack.enter_context(fastapi_app_pool.get_app(env=request.env, root_path=root))
                    self._check_method(app, f"/{path}")  # its description makes what is left of it
                response = self._answer(lambda: self._call(app, root))
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

    def _call(self, app, root):
        """What the app answers. OCA's `dispatch` makes an app for each path that is asked for, and keeps them all."""
        self.request.params = {}  # the app reads the body itself
        body = BytesIO()
        with self._manage_odoo_env(request.env["fastapi.endpoint"].sudo().get_uid(root)):
            for part in app(self._get_environ(), self._make_response):
                body.write(part)
            if self.inner_exception:
                raise self.inner_exception
            return self.request.make_response(body.getvalue(), headers=self.headers, status=self.status)

    def _check_method(self, app, path):
        """Answer 405 with all that the path knows: FastAPI names the methods of its first route only."""
        mounted = next(route.app for route in app.app.routes if isinstance(route, Mount))
        methods = _methods_of(mounted.openapi()["paths"], path)
        method = self.request.httprequest.method
        if methods and {"HEAD": "GET"}.get(method, method) not in methods:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(methods))})

    def _answer(self, dispatch):
        """The answer of a call, or the one it got before under the same Idempotency-Key."""
        httprequest = self.request.httprequest
        name = httprequest.headers.get("Idempotency-Key", "")
        if len(name) > MAX_IDEMPOTENCY_KEY:
            raise ApiProblem(422, f"Idempotency-Key: at most {MAX_IDEMPOTENCY_KEY} characters.")
        key_sudo = request.engine_api_key_sudo
        if not name or not key_sudo or httprequest.method in ("GET", "HEAD", "OPTIONS"):
            return dispatch()
        parts = (httprequest.method, httprequest.path, httprequest.query_string.decode("latin-1"))
        calls_sudo = request.env["engine.api.call"].sudo()
        call_sudo = calls_sudo._begin(key_sudo, name, *(part.encode() for part in parts), httprequest.get_data())
        if call_sudo.status:
            self.request.params = {}  # as where a route answers: Odoo looks at it afterwards
            body, content_type, status = call_sudo._answer()
            headers = {"Content-Type": content_type, "Idempotent-Replayed": "true"}
            return self.request.make_response(body, headers=headers, status=status)
        response = dispatch()
        call_sudo._remember(response.status_code, response.headers.get("Content-Type", ""), response.get_data())
        return response

    def handle_error(self, exc):
        status, document, headers = problem_from_exception(exc, self.request_id)
        response = self.request.make_json_response(document, status=status, headers=headers)
        response.headers["Content-Type"] = "application/problem+json"
        return self._sign(response)

    def _sign(self, response):
        """Give the response its request id and log one line about it."""
        response = api_wire.pack(response)
        response.headers.update(getattr(request, "engine_rate_headers", {}))
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
        if environ["REQUEST_METHOD"] == "HEAD":  # as GET; its body is left out on the way (RFC 9110, 9.3.2)
            environ = {**environ, "REQUEST_METHOD": "GET"}
        if media_type() in UNTYPED_BODIES:
            environ["CONTENT_TYPE"] = "application/json"
        if body := request.httprequest.get_data():
            environ["CONTENT_LENGTH"] = str(len(body))  # also of a body that came in pieces
        return environ


def _methods_of(paths, path):
    """The methods of the documented path that fits best, with the fewest parameters; none for an unknown one."""
    for template in sorted(paths, key=lambda one: one.count("{")):
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)), path):
            return {method.upper() for method in paths[template]}
    return set()
