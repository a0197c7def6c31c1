"""Which worker has what, known by PostgreSQL: nothing is left behind when a worker dies."""

from contextlib import closing, suppress

import psycopg2
from odoo.sql_db import Cursor
from odoo.tools import SQL
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED

MAILBOX = 0x1B0C  # first keys of the advisory locks: "a living worker sends for this mailbox",
MAIL = 0x1B11  # "a living worker has this mail",
SYNC = 0x1B12  # "a living worker synchronises this mailbox",
WATCH = 0x1B13  # "a living watcher has a line to this mailbox"


class WorkerLocks:
    """The records this worker holds: advisory locks on a session of its own, freed when it dies."""

    def __init__(self, env, space: int):
        self._env, self._space = env, space

    def __enter__(self):
        self._cursor = self._env.registry.cursor()
        if isinstance(self._cursor, Cursor):  # not Odoo's test cursor: that is the test's own transaction
            self._cursor.connection.set_isolation_level(ISOLATION_LEVEL_READ_COMMITTED)
        return self

    def __exit__(self, *_exc):
        with suppress(psycopg2.Error), closing(self._cursor):  # a session that has ended took its locks along
            self._cursor.execute(
                "SELECT pg_advisory_unlock_all()", log_exceptions=False
            )  # the connection goes back to the pool

    def take(self, record_ids) -> list[int]:
        """Return those that no living worker has; they are then ours until released."""
        return [record_id for record_id, taken in self._call(SQL("pg_try_advisory_lock"), record_ids) if taken]

    def take_first(self, candidates: SQL, limit: int) -> list[int]:
        """Return the first ids of a query that no living worker has; they are then ours until released."""
        taken = SQL("pg_try_advisory_lock(%s, id)", self._space)
        return [
            row[0]
            for row in self.query(SQL("SELECT id FROM (%s OFFSET 0) i WHERE %s LIMIT %s", candidates, taken, limit))
        ]

    def release(self, record_ids) -> None:
        self._call(SQL("pg_advisory_unlock"), record_ids)

    def _call(self, function, record_ids):
        if not record_ids:
            return []
        ids = list(record_ids)
        return self.query(SQL("SELECT id, %s(%s, id) FROM unnest(%s::int[]) id", function, self._space, ids))

    def query(self, sql: SQL) -> list[tuple]:
        """Return the rows of a statement on the locks' session, READ COMMITTED, committed immediately."""
        self._cursor.execute(sql)
        rows = self._cursor.fetchall()
        self._cursor.commit()  # pylint: disable=invalid-commit  # the lock is the session's, not the transaction's
        return rows
