"""Trial and staging instances stay neutralized: what is installed later is neutralized in the very transaction.

What that changed is kept in a system parameter for each module, for the day on which the instance goes into production.
Plain PostgreSQL, because the manager records with it what the neutralization of a new instance changes.
"""

import json
import logging
from contextlib import contextmanager

from odoo.modules.neutralize import get_neutralization_queries
from psycopg2 import sql

PARAMETER = "lokario.neutralized."  # and the module's name
IS_NEUTRALIZED = "SELECT 1 FROM ir_config_parameter WHERE key = 'database.is_neutralized' AND lower(value) = 'true'"
WRITTEN = "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables"
WITH_ID = """
SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'id' AND NOT attisdropped
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname = ANY(%s)
"""
# Odoo switches off all scheduled actions at once, when it neutralizes `base`; here those of one module.
OWN_CRONS = """
UPDATE ir_cron SET active = false
 WHERE active AND id IN (SELECT res_id FROM ir_model_data WHERE model = 'ir.cron' AND module = %s)
"""
# Electronic invoicing whose own `neutralize.sql` changes the mode only where it has been chosen already.
MORE = {
    "l10n_dk_nemhandel": """
        INSERT INTO ir_config_parameter (key, value) VALUES ('l10n_dk_nemhandel.edi.mode', 'test')
            ON CONFLICT (key) DO NOTHING
    """
}
_logger = logging.getLogger(__name__)


def queries_of(module: str) -> list[str]:
    """What neutralizes ``module``."""
    return [*get_neutralization_queries([module]), *filter(None, [MORE.get(module)])]


def keep_neutralized() -> None:
    """From now on Odoo neutralizes, in a neutralized database, each module that it installs."""
    from odoo.modules import loading

    load_data = loading.load_data

    def load(env, idref, mode, kind, package):
        loaded = load_data(env, idref, mode, kind, package)
        if kind == "data" and mode == "init":
            env.flush_all()
            if _neutralize_module(env.cr._cnx, package.name):
                env.invalidate_all()
        return loaded

    loading.load_data = load


def _neutralize_module(connection, module: str) -> bool:
    """Whether there was something to neutralize."""
    with connection.cursor() as cursor:
        cursor.execute(IS_NEUTRALIZED)
        if not cursor.fetchone():
            return False

        def neutralize():
            cursor.execute(OWN_CRONS, [module])
            for query in queries_of(module):
                cursor.execute(query)

        if changes := recorded(connection, neutralize):
            _logger.info("%s: neutralized, as this database is", module)
            insert = "INSERT INTO ir_config_parameter (key, value) VALUES (%s, %s) ON CONFLICT (key) DO NOTHING"
            cursor.execute(insert, [PARAMETER + module, json.dumps(changes)])
        return bool(changes)


@contextmanager
def rehearsal(connection):
    """Undo what is done in the block, in one step and whatever it was.

    Neutralization changes what its modules please: crons, views, companies, parameters, e-invoicing modes. In a copy
    that nobody can enter it protects nobody; done and undone it shows that the template's modules can be neutralized.
    """
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT rehearsal")
        yield
        cursor.execute("ROLLBACK TO SAVEPOINT rehearsal")


def recorded(connection, action, left_out=()) -> list[dict]:
    """Run ``action``, a neutralization; return what it changed in the database, but for the tables ``left_out``.

    A rehearsal shows to which tables it writes: PostgreSQL counts that itself. Their rows are compared before and
    after.

    :return: list of ``{"table", "id", "before", "after"}``; ``before`` and ``after`` hold the columns that differ, None
        for a row that was not there
    """
    with connection.cursor() as cursor:
        tables = [table for table in _written_by(connection, cursor, action) if table not in left_out]
        for table in tables:
            copy = sql.SQL("CREATE TEMP TABLE {} AS TABLE public.{}")
            cursor.execute(copy.format(sql.Identifier(f"before_{table}"), sql.Identifier(table)))
        action()
        changes = [change for table in tables for change in _differences(cursor, table)]
        for table in tables:
            cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(f"before_{table}")))
    return changes


def _written_by(connection, cursor, action) -> list[str]:
    """The tables with an ``id`` that ``action`` writes to; it is undone."""
    cursor.execute(WRITTEN)
    before = dict(cursor.fetchall())
    with rehearsal(connection):
        action()
        cursor.execute(WRITTEN)
        written = [table for table, count in cursor.fetchall() if count > before.get(table, 0)]
    cursor.execute(WITH_ID, [written])
    return sorted(table for (table,) in cursor.fetchall())


def _differences(cursor, table: str):
    query = """
        SELECT coalesce(b.id, a.id), to_jsonb(b), to_jsonb(a) FROM {before} b FULL JOIN public.{table} a ON a.id = b.id
         WHERE b IS NULL OR a IS NULL OR b::text <> a::text ORDER BY 1
    """
    cursor.execute(sql.SQL(query).format(before=sql.Identifier(f"before_{table}"), table=sql.Identifier(table)))
    for number, before, after in cursor.fetchall():
        if before and after:
            names = [name for name in before if before[name] != after[name]]
            before, after = ({name: row[name] for name in names} for row in (before, after))
        yield {"table": table, "id": number, "before": before, "after": after}
