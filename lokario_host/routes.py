"""What the manager wants: which instances this host runs, and how each is entered."""

import json
from dataclasses import dataclass

import psycopg2
from odoo.sql_db import connection_info_for

ROUTES = "lokario_gate"  # notified at each change of the table
QUESTIONS = "lokario_host"  # "<host> <database>": what has become of it?
ANSWERS = "lokario_host_answer"  # "listening <database>" or "stopped <database>"
APPLICATION = "lokario_host"  # by this name, with its own behind it, the manager sees that a host is there
QUERY = """
SELECT id, host, database, state, tenant_role, tenant_secret, tenant_uid, idle_minutes, coalesce(modules, ''),
       coalesce(limits, '{}')
  FROM lokario_gate_route WHERE tenant_role IS NOT NULL AND coalesce(runs_on, '') = %s
"""


@dataclass(frozen=True)
class Instance:
    """A row of the manager's table of routes that has a role of its own; ``sealed`` is its password, encrypted.

    ``limits`` is JSON, with the names of :data:`limits.DEFAULTS`.
    """

    route: int
    host: str
    database: str
    state: str
    role: str
    sealed: str
    uid: int
    idle_minutes: float
    modules: str
    limits: str = "{}"

    @property
    def module_list(self) -> list[str]:
        return sorted(set(self.modules.split(",")) - {""})

    @property
    def plan_limits(self) -> dict[str, int]:
        return json.loads(self.limits)


class Manager:
    """The manager's database: the table of routes, a notice of each change in it, and its questions to this host.

    It reads, and answers by NOTIFY: a role that may only read the table is enough (deploy/postgresql_host.sql).
    ``watch`` is called with the descriptor of each new connection, ``unwatch`` when it is closed.
    """

    def __init__(self, database: str, host_name: str, watch, unwatch):
        self.database = database
        self.connection = None
        self._host_name = host_name
        self._watch, self._unwatch = watch, unwatch

    def instances(self) -> dict[str, Instance]:
        """``{database: Instance}``; raises psycopg2.Error while the manager is away."""
        if self.connection is None:
            self._connect()
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('lokario_gate_route')")
            if not cursor.fetchone()[0]:
                return {}
            cursor.execute(QUERY, [self._host_name])
            found = [Instance(*row) for row in cursor.fetchall()]
        return {instance.database: instance for instance in found}

    @property
    def has_unread_news(self) -> bool:
        """Whether news came along with an answer: its descriptor tells nobody of them any more."""
        return bool(self.connection and self.connection.notifies)

    def news(self) -> tuple[bool, set[str]]:
        """Whether the table may have changed, and the databases that the manager asks about."""
        self.connection.poll()
        notices = list(self.connection.notifies)
        self.connection.notifies.clear()
        questions = (notice.payload.partition(" ") for notice in notices if notice.channel == QUESTIONS)
        return bool(notices), {database for name, _space, database in questions if name == (self._host_name or "-")}

    def answer(self, state: str, database: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [ANSWERS, f"{state} {database}"])

    def sessions(self, roles: set[str]) -> dict[int, str]:
        """``{process: role}`` of these roles' sessions, where PostgreSQL runs on this machine."""
        host = self.connection.info.host if self.connection else "elsewhere"
        if not host.startswith(("/", "127.")) and host not in ("", "localhost", "::1"):
            return {}
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT pid, usename FROM pg_stat_activity WHERE usename = ANY(%s)", [list(roles)])
            return dict(cursor.fetchall())

    def forget(self) -> None:
        """The connection is lost; the next question opens another one."""
        if self.connection:
            self._unwatch(self._descriptor)
            self.connection.close()
            self.connection = None

    def _connect(self) -> None:
        _name, info = connection_info_for(self.database)
        name = f"{APPLICATION} {self._host_name}".strip()
        connection = psycopg2.connect(**info | {"application_name": name})
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {ROUTES}; LISTEN {QUESTIONS}")
        self.connection, self._descriptor = connection, connection.fileno()
        self._watch(self._descriptor)
