"""In front of Odoo: which database a host may reach, and what everybody else is told."""

import threading
from configparser import ConfigParser
from functools import cache
from http.client import HTTPException

from odoo.exceptions import AccessDenied
from odoo.tools import config

from odoo.addons.bus import websocket as bus

from . import cookies, pages
from .forward import NotListening, forward
from .routes import RouteTable

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_NAMES = ("X_FORWARDED_HOST", "X_FORWARDED_FOR", "X_FORWARDED_PROTO", "FORWARDED", "VIA", "X_REAL_IP")
FORWARDED = tuple(f"HTTP_{name}" for name in _NAMES)  # a proxy has passed this request on
NOT_LISTENING = (
    "HTTP_X_LOKARIO_INSTANCE_DOWN"  # the web server in front has tried the instance itself (deploy/nginx.conf)
)
JOBS = "/queue_job/"
HEALTH = "/web/health"
DATABASE_MANAGER = "/web/database/"
RPC_WITH_DATABASE = {"login", "authenticate"}


@cache
def settings() -> dict[str, str]:
    """The section [lokario] of odoo.conf, which Odoo itself does not keep."""
    parser = ConfigParser(interpolation=None)
    parser.read(config["config"] or ())
    return dict(parser["lokario"]) if parser.has_section("lokario") else {}


def manager_database() -> str:
    """The database of saas_manager; a server bound to one database by `-d` is its own manager."""
    return settings().get("manager_db") or next(iter(config["db_name"] or []), "lokario")


def manager_hosts() -> frozenset[str]:
    """The names of the manager in odoo.conf: under these it answers everybody."""
    return frozenset(host.strip().lower() for host in settings().get("manager_hosts", "").split(",") if host.strip())


def is_own_call(environ: dict) -> bool:
    """Whether a program of this very machine called us directly, not a visitor through a proxy that runs beside us."""
    address = environ.get("REMOTE_ADDR", "")
    is_here = address.startswith("127.") or address in {"::1", environ.get("SERVER_NAME")}
    return is_here and not any(environ.get(header) for header in FORWARDED)


def host_of(environ: dict) -> str:
    """The visitor's host, lower case and without port; behind a proxy the one that the proxy vouches for."""
    host = environ.get("HTTP_HOST", "")
    if config["proxy_mode"] and environ.get("HTTP_X_FORWARDED_HOST"):
        host = environ["HTTP_X_FORWARDED_HOST"].rpartition(",")[2]
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


class Gate:
    """Decides for each request; ``local`` remembers the decision for what Odoo asks later in the same thread.

    The manager answers under its configured names, to programs of this machine also under the names of loopback, and
    to the job runner, wherever it runs, under the address that it calls.
    """

    def __init__(self, job_runner_host: str = ""):
        self.manager = manager_database()
        self._manager_hosts = manager_hosts()
        self._own_hosts = LOOPBACK | {job_runner_host.strip().lower()} - {""}
        self._routes = RouteTable(self.manager, close_websockets)
        self._local = threading.local()

    def database(self, host: str, is_own: bool = True) -> str | None:
        """The database that answers for a host, None when nobody does."""
        if self._is_managers(host, is_own):
            return self.manager
        route = self._routes.get(host)
        return route.database if route and route.state == "active" and not route.has_process else None

    def _is_managers(self, host: str, is_own: bool) -> bool:
        return host in self._manager_hosts or (is_own and host in self._own_hosts)

    def wrap(self, application):
        """The WSGI application behind the gate."""

        def guarded(odoo_application, environ, start_response):
            host = self._local.host = host_of(environ)
            is_for_jobs = environ.get("PATH_INFO", "").startswith(JOBS)
            self._local.is_own = is_own_call(environ) or is_for_jobs
            answer = self._refusal(environ, host, self._local.is_own) or self._answer_of_its_own(environ, host)
            start_response = cookies.hardened(environ, start_response)
            return answer(environ, start_response) if answer else application(odoo_application, environ, start_response)

        return guarded

    def _answer_of_its_own(self, environ: dict, host: str):
        """What the process of an instance answers; None for what this process serves itself."""
        route = None if self._is_managers(host, self._local.is_own) else self._routes.get(host)
        if not route or not route.has_process:
            return None
        if environ.get(NOT_LISTENING):
            return pages.starting(environ, host)
        try:
            return forward(environ, host, route.database)
        except (NotListening, OSError, HTTPException):
            return pages.starting(environ, host)

    def filter_databases(self, databases, host=None) -> list[str]:
        """Stands for Odoo's `db_filter`: of these databases, the one this host may reach."""
        allowed = self._allowed(host)
        return [database for database in databases if database == allowed]

    def list_databases(self, force=False, host=None) -> list[str]:
        """Stands for Odoo's `db_list`: exactly one, so that cookie-less calls always find their database."""
        database = self._allowed(host)
        return [database] if database else []

    def _allowed(self, named: str | None) -> str | None:
        """What the named host or else the visitor's may reach; code outside of a request works for the manager."""
        host = host_of({"HTTP_HOST": named}) if named else getattr(self._local, "host", "localhost")
        return self.database(host, getattr(self._local, "is_own", True))

    def guard_rpc(self, dispatch):
        """XML-RPC and JSON-RPC name their database in the call: it has to be the one of the host."""

        def guarded(method, params):
            names_database = dispatch.__module__.endswith(".model") or method in RPC_WITH_DATABASE
            if names_database and params and not self.filter_databases([params[0]]):
                raise AccessDenied
            return dispatch(method, params)

        return guarded

    def guard_database_service(self, dispatch):
        """Odoo tells anybody whether a database of a given name exists: that names the other clients."""

        def guarded(method, params):
            if method == "db_exist":
                return bool(params and self.filter_databases([params[0]]))
            return dispatch(method, params)

        return guarded

    def guard_crons(self, process_jobs):
        """A cron worker walks through a list of databases that may be minutes old: what is suspended stays asleep.

        Instances with a process of their own run their jobs there.
        """

        def guarded(database):
            if database == self.manager or self._routes.is_served_here(database):
                process_jobs(database)

        return guarded

    def _refusal(self, environ: dict, host: str, is_own: bool):
        path = environ.get("PATH_INFO", "")
        if "\0" in path:  # PostgreSQL is asked for pages and redirections of this name, and refuses to be
            return pages.unknown(environ, host)
        if path == HEALTH:
            return None
        if path.startswith(DATABASE_MANAGER) and not config["list_db"]:
            return pages.unknown(environ, host)
        if self._is_managers(host, is_own):
            return None
        route = self._routes.get(host)
        if route is None:
            return pages.unknown(environ, host)
        return pages.suspended(environ, host, route) if route.state == "suspended" else None

    def close_if_suspended(self, _env, websocket) -> None:
        """For a websocket that opens while its instance is being suspended."""
        if websocket._db in self._routes.suspended:
            websocket.close(bus.CloseCode.GOING_AWAY)


def close_websockets(databases: set[str]) -> None:
    """Close the open websockets of these databases in this process."""
    for websocket in list(bus._websocket_instances):
        if websocket._db in databases and websocket.state is bus.ConnectionState.OPEN:
            websocket.close(bus.CloseCode.GOING_AWAY)
