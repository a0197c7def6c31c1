"""Intent, act and record are separate transactions: each of them is a step that stands once it is done."""

from psycopg2.errors import SerializationFailure

ATTEMPTS = 3  # of a step that lost a race in the database


def run_step(env, act):
    """Call `act()` in a transaction of its own, again when it lost a race; return what it returns."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            result = act()
            env.cr.commit()  # pylint: disable=invalid-commit  # what follows may be interrupted for ever
            return result
        except SerializationFailure:
            env.cr.rollback()
            if attempt == ATTEMPTS:
                raise
    return None
