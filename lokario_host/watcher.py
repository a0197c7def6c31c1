"""Ends what a client's sessions must not hold for ever: time-outs that he could set himself are no limit."""

import contextlib
import logging

import psycopg2

_logger = logging.getLogger(__name__)

INTERVAL = 10.0  # seconds between two turns
TRANSACTION = 1200  # seconds; a scheduled action may take 900
IDLE_IN_TRANSACTION = 300  # seconds
OVERDUE = """
SELECT pid, datname FROM pg_stat_activity
 WHERE usename IN (SELECT rolname FROM pg_roles r JOIN pg_auth_members m ON m.member = r.oid
                    WHERE m.roleid = to_regrole('lokario_tenants') AND rolname <> current_user)
   AND (clock_timestamp() - xact_start > %(transaction)s * interval '1 s'
        OR state LIKE 'idle in transaction%%' AND clock_timestamp() - state_change > %(idle)s * interval '1 s')
"""


def end_overdue(connection, transaction: float = TRANSACTION, idle: float = IDLE_IN_TRANSACTION) -> list[str]:
    """End the sessions of instances' roles that are over these seconds; returns their databases.

    ``connection`` is one of the manager's role: it may signal others' sessions (deploy/postgresql.sql).
    """
    ended = []
    with connection.cursor() as cursor:
        cursor.execute(OVERDUE, {"transaction": transaction, "idle": idle})
        for pid, database in cursor.fetchall():
            with contextlib.suppress(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
                _logger.info("%s: a transaction took too long and was ended", database)
                ended.append(database)
    return ended
