"""A production copy is exactly its template but for its secrets: nothing is switched off in it."""

from contextlib import contextmanager


@contextmanager
def rehearsal(connection):
    """Undo what is done in the block, in one step and whatever it was.

    Neutralization changes what its modules please: crons, views, companies, parameters, e-invoicing modes. In a copy
    that nobody can enter it protects nobody; done and undone it proves that the template's modules can be neutralized.
    """
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT rehearsal")
        yield
        cursor.execute("ROLLBACK TO SAVEPOINT rehearsal")


def postpone_due_jobs(connection):
    """Move due jobs to their next turn, at their usual time of day.

    A template is older than its instances: without this every job of every new instance would run
    in its first minute, while its client logs in for the first time.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE ir_cron SET lastcall = NULL, failure_count = 0, first_failure_date = NULL,
                   nextcall = nextcall + every * ceil(
                       greatest(0, extract(epoch FROM (timezone('utc', now()) - nextcall))::float8
                       / extract(epoch FROM every)::float8))
              FROM (SELECT id AS cron_id, (interval_number || ' ' || interval_type)::interval AS every
                      FROM ir_cron) turn
             WHERE cron_id = id
            """
        )
