"""The map of hosts to databases, kept in memory and refreshed by PostgreSQL's NOTIFY."""

import logging
import os
import select
import threading
import time
from contextlib import closing
from dataclasses import dataclass

import psycopg2
from odoo.sql_db import connection_info_for

_logger = logging.getLogger(__name__)

CHANNEL = "lokario_gate"
FIRST_LOAD_TIMEOUT = 5  # seconds a first request waits for the map
RELOAD_PAUSE = 0.2  # seconds between two look-ups caused by unknown hosts: a flood of them costs little
RECONNECT_PAUSE = 1  # seconds
QUERY = "SELECT host, database, state, message, contact, tenant_role IS NOT NULL FROM lokario_gate_route"


@dataclass(frozen=True)
class Route:
    """Where a host leads. ``state`` is active or suspended; the texts are for the page of a suspended instance.

    With ``has_process`` another process answers for it: see `lokario_host`.
    """

    database: str
    state: str = "active"
    message: str | None = None
    contact: str | None = None
    has_process: bool = False


class RouteTable:
    """The manager's table ``lokario_gate_route`` in memory, one listener thread per process.

    ``on_suspended(databases)`` is called with what has just been suspended. While the manager's database cannot
    be reached the last map stays in force; before the first load every host but the manager's is unknown.
    """

    def __init__(self, database: str, on_suspended):
        self.database = database
        self._on_suspended = on_suspended
        self._routes: dict[str, Route] = {}
        self._loaded = threading.Event()
        self._loaded_at = 0.0
        self._start_lock = threading.Lock()
        self._pid = None

    def get(self, host: str) -> Route | None:
        self._ensure_listening()
        route = self._routes.get(host)
        if route is None and time.monotonic() - self._loaded_at > RELOAD_PAUSE:
            self._reload()  # a route committed an instant ago, whose notice has not arrived yet
            route = self._routes.get(host)
        return route

    @property
    def suspended(self) -> set[str]:
        """The databases of suspended instances."""
        return {route.database for route in self._routes.values() if route.state == "suspended"}

    def is_served_here(self, database: str) -> bool:
        """Whether an active instance lives in this process; suspended ones sleep, others have their own."""
        self._ensure_listening()
        here = (route for route in self._routes.values() if route.state == "active" and not route.has_process)
        return database in {route.database for route in here}

    def _ensure_listening(self) -> None:
        """Threads do not survive a fork: every process starts its own at its first request."""
        if self._pid == os.getpid():
            return
        with self._start_lock:
            if self._pid == os.getpid():
                return
            self._loaded.clear()
            threading.Thread(target=self._listen, name="lokario_gate", daemon=True).start()
            self._pid = os.getpid()
        self._loaded.wait(FIRST_LOAD_TIMEOUT)

    def _listen(self) -> None:
        while True:
            try:
                with closing(self._connection()) as connection:
                    self._follow(connection)
            except psycopg2.Error as error:
                # An ordinary state before the manager's database exists.
                _logger.info("Routes cannot be read, the last map stays in force: %s", str(error).strip())
            self._loaded.set()
            time.sleep(RECONNECT_PAUSE)

    def _follow(self, connection) -> None:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"LISTEN {CHANNEL}")
        while True:
            self._load(cursor)
            if not connection.notifies:  # what came while the table was read is there, and wakes nobody any more
                select.select([connection], [], [])
                connection.poll()
            connection.notifies.clear()

    def _reload(self) -> None:
        self._loaded_at = time.monotonic()
        try:
            with closing(self._connection()) as connection, connection.cursor() as cursor:
                self._load(cursor)
        except psycopg2.Error as error:
            _logger.info("Routes cannot be read, the last map stays in force: %s", str(error).strip())

    def _load(self, cursor) -> None:
        cursor.execute("SELECT to_regclass('lokario_gate_route')")
        rows = []
        if cursor.fetchone()[0]:
            cursor.execute(QUERY)
            rows = cursor.fetchall()
        routes = {host: Route(*values) for host, *values in rows}
        known, self._routes = self.suspended, routes
        self._loaded_at = time.monotonic()
        self._loaded.set()
        if new := self.suspended - known:
            self._on_suspended(new)

    def _connection(self):
        _name, info = connection_info_for(self.database)
        return psycopg2.connect(**info)
