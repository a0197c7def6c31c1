"""While PostgreSQL is away: an honest answer, no one logged out, and scheduled actions that start again after it."""

import json
import logging
import time
from datetime import UTC, datetime

import psycopg2
from odoo.http import RegistryError
from werkzeug.wrappers import Response

from . import pages
from .gate import DATABASE_MANAGER, HEALTH, host_of

_logger = logging.getLogger(__name__)

RESTART_PAUSE = 2  # seconds between two starts of a cron thread: while PostgreSQL is away it ends at once
# What external schedulers call. The jobs and their texts are in the database that is away.
SCHEDULED = (
    "/inbox/integrations/sync-all",
    "/followups/process-automatic",
    "/users/process-account-deletions",
    "/cron/check-overdue-and-reminders",
)
LOST = (None, "57P01", "57P02", "57P03")  # no answer any more, or PostgreSQL's own word that it goes down or comes up


def answer_when_away(serve_db):
    """Stands around Odoo's `Request._serve_db`, which without its database logs the visitor out and says 404."""

    def serve(request):
        try:
            return serve_db(request)
        except (RegistryError, psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            path = request.httprequest.path
            if not _is_away(error) or path == HEALTH or path.startswith(DATABASE_MANAGER):
                raise
            _logger.warning("Database %s cannot be reached: %s", request.db, str(error.__cause__ or error).strip())
            return _answer(request.httprequest.environ, path)

    return serve


def _is_away(error: Exception) -> bool:
    """Whether the database could not be opened, or its connection was lost during the request."""
    if isinstance(error, RegistryError):
        return isinstance(error.__cause__, psycopg2.OperationalError)
    return error.pgcode in LOST


def _answer(environ: dict, path: str) -> Response:
    if path not in SCHEDULED:
        return pages.away(environ, host_of(environ))
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    title, _message = pages.TEXTS["away"][pages.language(environ)]
    body = {"success": False, "message": title, "timestamp": now.isoformat()}
    headers = {"Cache-Control": "no-store"}
    content = json.dumps(body, ensure_ascii=False)
    return Response(content, 500, headers, content_type="application/json; charset=utf-8")


def restart_cron_thread(cron_thread):
    """Stands around Odoo's `ThreadedServer.cron_thread`, which ends for ever when its connection is lost.

    With workers Odoo itself starts the process anew.
    """

    def run(server, number):
        while True:
            try:
                cron_thread(server, number)
            except Exception:  # whatever it is, without this thread no scheduled action runs until a restart
                _logger.warning("cron%d has stopped and starts again", number, exc_info=True)
            time.sleep(RESTART_PAUSE)

    return run
