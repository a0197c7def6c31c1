"""One run at a time over all processes, and slots for those who wait for its end: PostgreSQL advisory locks.

Whoever runs holds the run's lock exclusively until its transaction ends; whoever waits asks for it shared. A process
that dies releases its locks, so no caller waits for a dead run. Every function takes a cursor and acts until the end of
its transaction.
"""

from datetime import datetime

import psycopg2.errors

RUN_LOCK = 0x4C4B_0001  # first key of the lock on a run; the second is the job's id
SLOT_LOCK = 0x4C4B_0002  # first key of the waiting slots; the second is the job's id and the slot's number
MAX_SLOTS = 16


def hold(cr, job_id: int):
    """Take the run's lock, waiting for those who only look."""
    cr.execute("SELECT pg_advisory_xact_lock(%s, %s)", [RUN_LOCK, job_id])


def is_free(cr, job_id: int) -> bool:
    """Whether the job is not running now."""
    cr.execute("SELECT pg_try_advisory_xact_lock_shared(%s, %s)", [RUN_LOCK, job_id])
    return cr.fetchone()[0]


def look(cr, job_id: int, slots: int) -> tuple[datetime, bool, bool]:
    """Return the moment (UTC), whether the job is not running now, and, where it is, whether a slot was taken.

    One question instead of three: callers come in crowds.
    """
    cr.execute(
        """SELECT clock_timestamp() AT TIME ZONE 'UTC', free, NOT free AND EXISTS (
                  SELECT 1 FROM generate_series(0, %s) slot WHERE pg_try_advisory_xact_lock(%s, %s + slot) LIMIT 1)
             FROM pg_try_advisory_xact_lock_shared(%s, %s) free""",
        [min(slots, MAX_SLOTS) - 1, SLOT_LOCK, job_id * MAX_SLOTS, RUN_LOCK, job_id],
    )
    return cr.fetchone()


def take_slot(cr, job_id: int, slots: int) -> bool:
    """Take one of the slots for waiting callers; False when all are taken."""
    cr.execute(
        "SELECT 1 FROM generate_series(0, %s) slot WHERE pg_try_advisory_xact_lock(%s, %s + slot) LIMIT 1",
        [min(slots, MAX_SLOTS) - 1, SLOT_LOCK, job_id * MAX_SLOTS],
    )
    return cr.fetchone() is not None


def wait_for_end(cr, job_id: int, seconds: float) -> bool:
    """Wait until the job does not run; False when that takes longer than ``seconds``."""
    cr.execute("SELECT set_config('lock_timeout', %s, true)", [f"{max(int(seconds * 1000), 1)}ms"])
    try:
        cr.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [RUN_LOCK, job_id], log_exceptions=False)
    except psycopg2.errors.LockNotAvailable:
        cr.rollback()
        return False
    return True
