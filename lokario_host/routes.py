"""What the manager wants: which instances there are, and how each is entered."""

from dataclasses import dataclass

import psycopg2
from odoo.sql_db import connection_info_for

CHANNEL = "lokario_gate"
APPLICATION = "lokario_host"  # by this name the manager sees that its instances are run
QUERY = """
SELECT host, database, state, tenant_role, tenant_secret, tenant_uid, idle_minutes, coalesce(modules, '')
  FROM lokario_gate_route WHERE tenant_role IS NOT NULL
"""


@dataclass(frozen=True)
class Instance:
    """A row of the manager's table of routes that has a role of its own; ``sealed`` is its password, encrypted."""

    host: str
    database: str
    state: str
    role: str
    sealed: str
    uid: int
    idle_minutes: float
    modules: str


class Manager:
    """The manager's database: the table of routes, and a notice of each change in it."""

    def __init__(self, database: str):
        self.database = database
        self.connection = None

    def instances(self) -> dict[str, Instance]:
        """``{database: Instance}``; raises psycopg2.Error while the manager is away."""
        if self.connection is None or self.connection.closed:
            self._connect()
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('lokario_gate_route')")
            if not cursor.fetchone()[0]:
                return {}
            cursor.execute(QUERY)
            return {row[1]: Instance(*row) for row in cursor.fetchall()}

    def has_news(self) -> bool:
        self.connection.poll()
        news = bool(self.connection.notifies)
        self.connection.notifies.clear()
        return news

    def _connect(self) -> None:
        _name, info = connection_info_for(self.database)
        self.connection = psycopg2.connect(**info | {"application_name": APPLICATION})
        self.connection.autocommit = True
        with self.connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
