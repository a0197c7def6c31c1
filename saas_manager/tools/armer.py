"""Undo of the neutralization: a paying client needs scheduled actions, mail and no red banner.

`snapshot` before, `arm` after: what neutralization switched off is as it was; what it emptied
because it was secret stays empty.
"""

from ..exceptions import NotClean
from .catalog import Catalog

BANNERS = ("web.neutralize_banner", "website.neutralize_ribbon")

# table, columns to put back, condition. Key is always "id".
SWITCHES = (
    ("ir_cron", ("active",), "true"),
    ("ir_ui_view", ("active",), f"key IN {BANNERS!r}"),
    ("ir_mail_server", ("active",), "true"),
    ("delivery_carrier", ("active", "prod_environment"), "delivery_type IN ('fixed', 'base_on_rule')"),
    ("website", ("robots_txt", "cdn_activated"), "true"),
)
DUMMY_MAIL_SERVER = "name LIKE 'neutralization%%' AND smtp_host = 'invalid'"


def snapshot(connection):
    """What is switched on: ``{table: [(id, value, …), …]}``."""
    catalog = Catalog.of(connection)
    state = {}
    with connection.cursor() as cursor:
        for table, columns, condition in SWITCHES:
            if catalog.has(table, *columns):
                cursor.execute(
                    f"SELECT id, {', '.join(columns)} FROM {table}"  # noqa: S608 - constants above
                    f" WHERE {condition} ORDER BY id"
                )
                state[table] = cursor.fetchall()
    return state


def arm(connection, state):
    """Bring back the recorded ``state`` and take away the flag and the dummy mail server.

    :raise NotClean: when something is not as it was
    """
    columns_of = {table: columns for table, columns, _condition in SWITCHES}
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM ir_mail_server WHERE {DUMMY_MAIL_SERVER}")  # noqa: S608
        for table, rows in state.items():
            _restore(cursor, table, columns_of[table], rows)
        cursor.execute("DELETE FROM ir_config_parameter WHERE key = 'database.is_neutralized'")
        _postpone_due_crons(cursor)
    changed = [table for table, rows in snapshot(connection).items() if rows != state[table]]
    if changed:
        raise NotClean(f"not as before: {', '.join(changed)}")


def _restore(cursor, table, columns, rows):
    assignments = ", ".join(f"{column} = %s" for column in columns)
    for record_id, *values in rows:
        cursor.execute(
            f"UPDATE {table} SET {assignments} WHERE id = %s",  # noqa: S608 - constants above
            [*values, record_id],
        )


def _postpone_due_crons(cursor):
    """Move due jobs to their next turn, at their usual time of day.

    A template is older than its instances: without this every job of every new instance would run
    in its first minute, while its client logs in for the first time.
    """
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
