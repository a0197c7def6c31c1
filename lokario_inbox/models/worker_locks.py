"""Who works on what, told by PostgreSQL: nothing is left behind when a worker dies."""

from contextlib import closing

from odoo.tools import SQL

MAILBOX = 0x1B0C  # first keys of the advisory locks: "a living worker sends for this mailbox",
MAIL = 0x1B11  # "a living worker has this mail"


class WorkerLocks:
    """The records this worker holds: advisory locks on a session of its own, freed when it dies."""

    def __init__(self, env, space: int):
        self._env, self._space = env, space

    def __enter__(self):
        self._cursor = self._env.registry.cursor()
        return self

    def __exit__(self, *_exc):
        with closing(self._cursor):
            self._cursor.execute("SELECT pg_advisory_unlock_all()")  # the connection goes back to the pool

    def take(self, record_ids) -> list[int]:
        """Return those that nobody alive has; they are then ours until released."""
        return [record_id for record_id, taken in self._call(SQL("pg_try_advisory_lock"), record_ids) if taken]

    def release(self, record_ids) -> None:
        self._call(SQL("pg_advisory_unlock"), record_ids)

    def _call(self, function, record_ids):
        if not record_ids:
            return []
        ids = list(record_ids)
        self._cursor.execute(SQL("SELECT id, %s(%s, id) FROM unnest(%s::int[]) id", function, self._space, ids))
        rows = self._cursor.fetchall()
        self._cursor.commit()  # pylint: disable=invalid-commit  # the lock is the session's, not the transaction's
        return rows
