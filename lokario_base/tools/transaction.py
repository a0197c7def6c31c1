"""Short transactions beside the caller's, retries after a lost race, and leases that survive a paused host.

What leaves the database (a mail, a clone, a call of another system) takes three short transactions: write the intent,
act, record the outcome. Odoo's own transaction is not fit for it: a request may be repeated from its start, and its
snapshot does not see what other connections have committed meanwhile. Use

* `transaction` for SQL and `own_transaction` for records: one short transaction on a connection of its own
  (`first_transaction` where there is no caller's: in threads and in Odoo's loop over scheduled actions);
* `retrying` around a step that may lose a race against other writers, `repeating` where it is the caller's own
  transaction that loses it;
* `session_lock` when only one worker may do a thing, and its death must free it immediately;
* `lease` when also a worker that was paused and awakened must not act beside its successor: put `FENCE` into the
  statement that writes the intent.

In tests and development (`LOKARIO_DEVELOPMENT=1`) a second connection that writes to a table in which its caller holds
uncommitted rows is refused with `HiddenWait`: PostgreSQL cannot see that one process waits for itself.
"""

import hashlib
import logging
import os
import random
import time
from collections.abc import Callable
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TypeVar

import psycopg2
from odoo.sql_db import Cursor
from odoo.tools import config
from psycopg2.errors import DeadlockDetected, LockNotAvailable, SerializationFailure
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, ISOLATION_LEVEL_READ_COMMITTED

_logger = logging.getLogger(__name__)

T = TypeVar("T")

LOST_RACES = (SerializationFailure, DeadlockDetected, LockNotAvailable)
ATTEMPTS = 6
BACKOFF = 0.02  # seconds before the second attempt; doubled each time, with jitter
LOCK_TIMEOUT = 20  # seconds a second connection waits for a lock before tests and development call it a hidden wait

# A condition for the statement that writes the intent: true only while the caller's lease is the latest. FOR SHARE
# makes a successor wait for this transaction, so that it sees the intent.
FENCE = """EXISTS (SELECT FROM lokario_lease WHERE name = %(lease_name)s AND token = %(lease_token)s FOR SHARE)"""

ACQUIRE = """
INSERT INTO lokario_lease (name, token, expires_at)
VALUES (%(name)s, 1, clock_timestamp() AT TIME ZONE 'UTC' + %(seconds)s * interval '1 s')
    ON CONFLICT (name) DO UPDATE SET token = lokario_lease.token + 1, expires_at = EXCLUDED.expires_at
 WHERE lokario_lease.token = %(previous)s
RETURNING token
"""
RENEW = """
UPDATE lokario_lease SET expires_at = clock_timestamp() AT TIME ZONE 'UTC' + %(seconds)s * interval '1 s'
 WHERE name = %(name)s AND token = %(token)s RETURNING 1
"""


class HiddenWait(AssertionError):
    """A second connection may wait for ever for rows that its own caller has locked."""


class LeaseLost(Exception):
    """Another worker has taken over: stop without a further effect."""


# === TRANSACTIONS === #


@contextmanager
def transaction(env, isolation: int = ISOLATION_LEVEL_READ_COMMITTED):
    """Yield a cursor of a new connection; committed at the end of the block, rolled back by an exception.

    :param isolation: a level of psycopg2; AUTOCOMMIT spares a single statement the round trips of BEGIN and COMMIT
    """
    env.flush_all()
    with first_transaction(env.registry, isolation) as cr:
        with _refusing_hidden_waits(env.cr, cr, isolation) if isinstance(cr, Cursor) else nullcontext():
            yield cr


@contextmanager
def first_transaction(registry, isolation: int = ISOLATION_LEVEL_READ_COMMITTED):
    """Yield a cursor as `transaction` does, for who has no transaction that could hold locks."""
    with registry.cursor() as cr:
        if isinstance(cr, Cursor):  # not Odoo's test cursor, which is the test's own transaction
            cr.connection.set_isolation_level(isolation)
        yield cr


@contextmanager
def own_transaction(records, isolation: int = ISOLATION_LEVEL_READ_COMMITTED):
    """Yield ``records`` in a transaction of their own, which sees all that is committed.

    The cache of ``records`` is forgotten at the end.
    """
    with transaction(records.env, isolation) as cr:
        mine = records.with_env(records.env(cr=cr))
        yield mine
        mine.env.flush_all()
    records.invalidate_recordset()


def retrying(step: Callable[[], T], attempts: int = ATTEMPTS) -> T:
    """Return ``step()``, called again each time PostgreSQL says that it lost a race.

    The step opens its transaction itself (`transaction`, `own_transaction`), so each attempt has a fresh one, and it
    must be only a recording: what it does outside of the database would be done again.
    """
    for attempt in range(1, attempts + 1):
        try:
            return step()
        except LOST_RACES as error:
            if attempt == attempts:
                raise
            _logger.info("Lost a race (%s), attempt %s of %s", type(error).__name__, attempt, attempts)
            time.sleep(random.uniform(0.5, 1.0) * BACKOFF * 2**attempt)  # noqa: S311  jitter
    raise AssertionError("unreachable")


def repeating(cr, step: Callable[[], T]) -> T:
    """Return ``step()``, rolled back and called again each time it loses a race; rolled back, too, when it fails.

    For jobs that have the transaction of ``cr`` to themselves: people save the same records at the same moment, and
    nothing of the step may leave the database before its commit.
    """

    def attempt():
        try:
            return step()
        except Exception:
            cr.rollback()
            raise

    return retrying(attempt)


# === ONE AT A TIME === #


@contextmanager
def session_lock(env, name: str):
    """Yield a cursor that holds the lock ``name``, or None when another session has it.

    The lock belongs to the session: work on the cursor that is yielded (it may commit), then work and lock end
    together, and the death of the worker frees the lock immediately.
    """
    with session(env) as cr:
        cr.execute("SELECT pg_try_advisory_lock(%s)", [_key(name)])
        acquired = cr.fetchone()[0]
        cr.commit()  # pylint: disable=invalid-commit  # a session of the lock's own
        try:
            yield cr if acquired else None
        finally:
            if acquired:
                _unlock(cr, _key(name))


@dataclass(frozen=True)
class Lease:
    """The right to act under ``name`` until another worker takes over.

    ``values`` are the parameters of `FENCE`.
    """

    name: str
    token: int
    seconds: float
    cr: Cursor

    @property
    def values(self) -> dict[str, str | int]:
        return {"lease_name": self.name, "lease_token": self.token}

    def renew(self) -> None:
        """Keep the lease for its full time from now.

        :raises LeaseLost: another worker has taken over, or the session that holds the lease has ended
        """
        try:
            self.cr.execute(RENEW, {"name": self.name, "token": self.token, "seconds": self.seconds}, False)
            renewed = self.cr.fetchone()
            self.cr.commit()  # pylint: disable=invalid-commit  # a session of the lock's own
        except psycopg2.Error as error:
            raise LeaseLost(self.name) from error
        if not renewed:
            raise LeaseLost(self.name)


@contextmanager
def lease(env, name: str, seconds: float):
    """Yield a `Lease`, or None while another living worker has it.

    It is free again at the end of the block, immediately when its worker dies, and ``seconds`` after the last `renew`
    when its worker hangs. Each acquisition has a higher token: an intent with `FENCE` in its statement fails for all
    workers but the latest.
    """
    with session(env) as cr:
        token = _acquire(cr, name, seconds)
        try:
            yield token and Lease(name, token, seconds, cr)
        finally:
            if token:
                _unlock(cr, _key(name, token))


def _acquire(cr, name: str, seconds: float) -> int | None:
    cr.execute(
        "SELECT token, expires_at < clock_timestamp() AT TIME ZONE 'UTC' FROM lokario_lease WHERE name = %s", [name]
    )
    previous, expired = cr.fetchone() or (None, True)
    if not expired and _is_held(cr, name, previous):
        return None
    cr.execute(ACQUIRE, {"name": name, "seconds": seconds, "previous": previous})
    token = (cr.fetchone() or (None,))[0]
    if token:  # not visible to others before this session holds its lock
        cr.execute("SELECT pg_advisory_lock(%s)", [_key(name, token)])
    cr.commit()  # pylint: disable=invalid-commit  # a session of the lock's own
    return token


def _is_held(cr, name: str, token: int) -> bool:
    """Whether the session that was given this token still lives."""
    cr.execute("SELECT pg_try_advisory_xact_lock_shared(%s)", [_key(name, token)])
    return not cr.fetchone()[0]


@contextmanager
def session(env):
    """Yield a cursor for several transactions, on a READ COMMITTED session that may have ended when the block does."""
    cr = env.registry.cursor()
    try:
        if isinstance(cr, Cursor):  # not Odoo's test cursor, see `transaction`
            cr.connection.set_isolation_level(ISOLATION_LEVEL_READ_COMMITTED)
        yield cr
    finally:
        with suppress(psycopg2.Error):
            cr.close()


def _unlock(cr, key: int) -> None:
    try:
        cr.rollback()
        cr.execute("SELECT pg_advisory_unlock(%s)", [key], log_exceptions=False)
        cr.commit()  # pylint: disable=invalid-commit  # a session of the lock's own
    except psycopg2.Error:
        _logger.info("The session of a lock has ended before its worker, and the lock with it")


def _key(*parts) -> int:
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


# === WHAT POSTGRESQL CANNOT SEE === #

WRITTEN = """
SELECT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
 WHERE l.mode = 'RowExclusiveLock' AND c.relkind IN ('r', 'p')
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
 GROUP BY c.relname HAVING array_agg(DISTINCT l.pid) @> %s
"""


def _is_watched() -> bool:
    return bool(config["test_enable"]) or os.environ.get("LOKARIO_DEVELOPMENT") == "1"


@contextmanager
def _refusing_hidden_waits(first, second, isolation):
    if isolation == ISOLATION_LEVEL_AUTOCOMMIT or not _is_watched():
        yield
        return
    second.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_TIMEOUT}s"])
    try:
        yield
    except LockNotAvailable as error:
        raise HiddenWait("A second connection waited in vain for a lock: does its caller hold it?") from error
    pids = [cursor.connection.info.backend_pid for cursor in (first, second)]
    second.execute(WRITTEN, [pids])
    if tables := [name for (name,) in second.fetchall()]:
        raise HiddenWait(f"The caller and its second connection both write to {', '.join(tables)}")
