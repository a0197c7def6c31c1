"""The process of one instance, as the manager hears of it from the host that runs it (`lokario_host`)."""

import contextlib
import select
import time

QUESTIONS, ANSWERS = "lokario_host", "lokario_host_answer"
BESIDE_US = "-"  # the name, in a question, of the host that has none
PATIENCE = 5.0  # seconds; a process that does not end by itself is killed after half a second


class InstanceProcess:
    """The process of the instance in ``database``; both sides speak by NOTIFY in the manager's own database.

    Where no host is, nothing is waited for: then there is no process either.
    """

    def __init__(self, postgres, manager, host_name, database):
        self._postgres = postgres
        self._manager = manager
        self._host_name = host_name or ""
        self._database = database

    def await_end(self):
        """Return once its process has ended; its route no longer leads to it."""
        return self._await("stopped")

    def await_socket(self):
        """Return once it listens for visitors; its route leads to it."""
        return self._await("listening")

    def _await(self, wanted):
        """Whether the host has answered with what is wanted in time."""
        if not self._postgres.has_visitor(self._manager, host_application(self._host_name)):
            return False
        question = f"{self._host_name or BESIDE_US} {self._database}"
        with contextlib.closing(self._postgres.connect(self._manager)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {ANSWERS}")
                cursor.execute("SELECT pg_notify(%s, %s)", [QUESTIONS, question])
            return self._hear(connection, f"{wanted} {self._database}")

    def _hear(self, connection, wanted):
        """What was heard while the question was sent is read before anything is waited for."""
        deadline = time.monotonic() + PATIENCE
        while True:
            connection.poll()
            if wanted in {notice.payload for notice in connection.notifies}:
                return True
            connection.notifies.clear()
            if (left := deadline - time.monotonic()) <= 0:
                return False
            select.select([connection], [], [], left)


def host_application(host_name):
    """As which a host is connected to the manager's database."""
    return f"lokario_host {host_name or ''}".strip()
