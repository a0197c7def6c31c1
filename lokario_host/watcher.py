"""Ends what a client's sessions must not hold: time-outs that he could set himself are no limit, and what all databases
of a server share, its table of locks and its queue of notices, has none for each of them.
"""

import contextlib
import logging

import psycopg2

_logger = logging.getLogger(__name__)

TRANSACTION = 1200  # seconds; a scheduled action may take 900
IDLE_IN_TRANSACTION = 300  # seconds
PILE = 0.02  # of the queue of notices; full, nobody's are taken
WHILE_NOTICES_PILE_UP = 30  # seconds of a transaction: one that listens may be what they wait for
LOCKS = 5_000  # of one session: a dump of all tables takes half as many, twelve sessions fill no table of locks
CLIENTS = """
SELECT pid, datname FROM pg_stat_activity
 WHERE usename IN (SELECT rolname FROM pg_roles r JOIN pg_auth_members m ON m.member = r.oid
                    WHERE m.roleid = to_regrole('lokario_tenants') AND rolname <> current_user)
"""
OVERDUE = f"""{CLIENTS}
   AND (clock_timestamp() - xact_start > %(transaction)s * interval '1 s'
        OR state LIKE 'idle in transaction%%' AND clock_timestamp() - state_change > %(idle)s * interval '1 s'
        OR clock_timestamp() - xact_start > %(piling)s * interval '1 s' AND pg_notification_queue_usage() > %(pile)s)
"""
HOARDERS = "SELECT pid FROM pg_locks GROUP BY pid HAVING count(*) > %s"  # quick: it looks at no other catalogue
HOARDING = f"{CLIENTS} AND pid = ANY(%(pids)s)"


def end_overdue(
    connection,
    transaction: float = TRANSACTION,
    idle: float = IDLE_IN_TRANSACTION,
    piling: float = WHILE_NOTICES_PILE_UP,
    pile: float = PILE,
) -> list[str]:
    """End the sessions of instances' roles that are over these seconds; returns their databases.

    ``connection`` is one of the manager's role: it may signal others' sessions (deploy/postgresql.sql).
    """
    limits = {"transaction": transaction, "idle": idle, "piling": piling, "pile": pile}
    return _end(connection, OVERDUE, limits, "a transaction took too long")


def end_hoarding(connection, locks: int = LOCKS) -> list[str]:
    """End the sessions of instances' roles that hold more than so many locks; returns their databases."""
    with connection.cursor() as cursor:
        cursor.execute(HOARDERS, [locks])
        pids = [pid for (pid,) in cursor.fetchall()]
    return _end(connection, HOARDING, {"pids": pids}, f"a session held more than {locks} locks") if pids else []


def _end(connection, query: str, limits: dict, reason: str) -> list[str]:
    ended = []
    with connection.cursor() as cursor:
        cursor.execute(query, limits)
        for pid, database in cursor.fetchall():
            with contextlib.suppress(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
                _logger.info("%s: %s and was ended", database, reason)
                ended.append(database)
    return ended


INTERVALS = {end_overdue: 10.0, end_hoarding: 0.5}  # seconds between two turns
