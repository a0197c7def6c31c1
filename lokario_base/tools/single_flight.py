"""One run at a time over all processes, and a place to wait for its end: PostgreSQL advisory locks.

Whoever runs holds the run's lock exclusively until its transaction ends; whoever waits asks for it shared. A process
that dies releases its locks, so nobody waits for a dead run. Every function takes a cursor and acts until the end of
its transaction.
"""

import psycopg2.errors

RUN_LOCK = 0x4C4B_0001  # first key of the lock on a run; the second is the job's id
PLACE_LOCK = 0x4C4B_0002  # first key of the places to wait; the second is the job's id and the place's number
MAX_PLACES = 16


def hold(cr, job_id: int):
    """Take the run's lock, waiting for those who only look."""
    cr.execute("SELECT pg_advisory_xact_lock(%s, %s)", [RUN_LOCK, job_id])


def is_free(cr, job_id: int) -> bool:
    """Whether nobody runs the job now."""
    cr.execute("SELECT pg_try_advisory_xact_lock_shared(%s, %s)", [RUN_LOCK, job_id])
    return cr.fetchone()[0]


def take_place(cr, job_id: int, places: int) -> bool:
    """Take one of the places to wait; False when all are taken."""
    cr.execute(
        "SELECT 1 FROM generate_series(0, %s) place WHERE pg_try_advisory_xact_lock(%s, %s + place) LIMIT 1",
        [min(places, MAX_PLACES) - 1, PLACE_LOCK, job_id * MAX_PLACES],
    )
    return cr.fetchone() is not None


def wait_for_end(cr, job_id: int, seconds: float) -> bool:
    """Wait until nobody runs the job; False when that takes longer than ``seconds``."""
    cr.execute("SELECT set_config('lock_timeout', %s, true)", [f"{max(int(seconds * 1000), 1)}ms"])
    try:
        cr.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [RUN_LOCK, job_id], log_exceptions=False)
    except psycopg2.errors.LockNotAvailable:
        cr.rollback()
        return False
    return True
