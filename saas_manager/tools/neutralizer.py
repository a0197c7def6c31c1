"""Odoo's neutralization: one module at a time, rehearsed in a production copy, recorded in a staging one.

Odoo concatenates the `neutralize.sql` files of all modules: one broken file and nothing at all is
neutralized. Here each file has its own savepoint, all failures are listed, and the caller decides.
"""

import dataclasses
import json
from contextlib import contextmanager

import psycopg2
from odoo.modules.neutralize import get_neutralization_queries
from psycopg2 import sql

from ..exceptions import NotClean
from .catalog import Catalog, Column
from .rules import PURGED_TABLES, is_secret_column, is_secret_parameter

WRITTEN = "SELECT relname FROM pg_stat_xact_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"
IS_NEUTRALIZED = "SELECT 1 FROM ir_config_parameter WHERE key = 'database.is_neutralized' AND value = 'true'"


@dataclasses.dataclass(frozen=True)
class Failure:
    """The `neutralize.sql` of ``module`` did not run."""

    module: str
    error: str


def installed_modules(connection):
    """Names of the modules that have code or data in the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM ir_module_module WHERE state IN ('installed', 'to upgrade', 'to remove') ORDER BY name"
        )
        return [name for (name,) in cursor.fetchall()]


def neutralize(connection):
    """Run the `neutralize.sql` of every installed module; return the list of :class:`Failure`."""
    failures = []
    with connection.cursor() as cursor:
        for module in installed_modules(connection):
            for query in get_neutralization_queries([module]):
                error = _run_alone(cursor, query)
                if error:
                    failures.append(Failure(module, error))
    return failures


def _run_alone(cursor, query):
    cursor.execute("SAVEPOINT neutralize_module")
    try:
        cursor.execute(query)
    except psycopg2.Error as err:
        cursor.execute("ROLLBACK TO SAVEPOINT neutralize_module")
        return str(err).strip()
    cursor.execute("RELEASE SAVEPOINT neutralize_module")
    return None


def verify(connection):
    """Check that the copy can do nothing on its own; raise :class:`NotClean` naming what it can."""
    queries = {
        "neutralization flag": f"SELECT 1 WHERE NOT EXISTS ({IS_NEUTRALIZED})",
        "active scheduled actions": "SELECT 1 FROM ir_cron WHERE active AND id NOT IN (SELECT res_id"
        " FROM ir_model_data WHERE model = 'ir.cron' AND module = 'base' AND name = 'autovacuum_job')",
        "active mail servers": "SELECT 1 FROM ir_mail_server WHERE active AND smtp_host <> 'invalid'",
    }
    left = []
    with connection.cursor() as cursor:
        for name, query in queries.items():
            cursor.execute(query)
            left += [name] if cursor.fetchone() else []
    if left:
        raise NotClean(", ".join(left))


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


# === UNDONE LATER === #


def recorded(connection, action):
    """Run ``action``, a neutralization; return what it changed, as :func:`restore` takes it.

    A rehearsal shows to which tables it writes: PostgreSQL counts that itself. Their rows are compared before and
    after. Left out is what the sanitizer takes out anyway.

    :return: list of ``{"table", "id", "before", "after"}``; ``before`` and ``after`` hold the columns that differ, None
        for a row that was not there
    """
    with connection.cursor() as cursor:
        with rehearsal(connection):
            action()
            cursor.execute(WRITTEN)
            tables = sorted({table for (table,) in cursor.fetchall()} - set(PURGED_TABLES))
        tables = [table for table in tables if Catalog.of(connection).has(table, "id")]
        for table in tables:
            copy = sql.SQL("CREATE TEMP TABLE {} AS TABLE public.{}")
            cursor.execute(copy.format(sql.Identifier(f"before_{table}"), sql.Identifier(table)))
        action()
        changes = [change for table in tables for change in _differences(cursor, table)]
        for table in tables:
            cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(f"before_{table}")))
    return changes


def _differences(cursor, table):
    query = """
        SELECT coalesce(b.id, a.id), to_jsonb(b), to_jsonb(a) FROM {before} b FULL JOIN public.{table} a ON a.id = b.id
         WHERE b IS NULL OR a IS NULL OR b::text <> a::text ORDER BY 1
    """
    cursor.execute(sql.SQL(query).format(before=sql.Identifier(f"before_{table}"), table=sql.Identifier(table)))
    for number, before, after in cursor.fetchall():
        if table == "ir_config_parameter" and is_secret_parameter((before or after)["key"], (before or after)["value"]):
            continue
        if before and after:
            names = [name for name in before if before[name] != after[name] and not _is_secret(table, name)]
            before, after = ({name: row[name] for name in names} for row in (before, after))
        if before or after:
            yield {"table": table, "id": number, "before": before, "after": after}


def _is_secret(table, name):
    return is_secret_column(Column(table, name, "varchar", False))


def restore(connection, changes):
    """Undo the ``changes`` of a neutralization; what has been changed again since stays as it is.

    :return: number of rows restored
    """
    catalog, done = Catalog.of(connection), 0
    with connection.cursor() as cursor:
        for change in changes:
            columns = (change["before"] or change["after"]).keys()
            if catalog.has(change["table"], *columns):
                cursor.execute(*_undo(change))
                done += cursor.rowcount
    return done


def _undo(change):
    table, before, after = sql.Identifier(change["table"]), change["before"], change["after"]
    if before is None:
        return sql.SQL("DELETE FROM {} WHERE id = %s").format(table), [change["id"]]
    row = sql.SQL("jsonb_populate_record(NULL::{}, %s)").format(table)
    if after is None:
        return sql.SQL("INSERT INTO {} SELECT * FROM {} ON CONFLICT DO NOTHING").format(table, row), [
            json.dumps(before)
        ]
    names = sql.SQL(", ").join(map(sql.Identifier, before))
    query = "UPDATE {table} t SET ({names}) = (SELECT {names} FROM {row}) WHERE id = %s AND to_jsonb(t) @> %s"
    statement = sql.SQL(query).format(table=table, names=names, row=row)
    return statement, [json.dumps(before), change["id"], json.dumps(after)]


def is_neutralized(connection):
    """Whether the database is marked as neutralized."""
    with connection.cursor() as cursor:
        cursor.execute(IS_NEUTRALIZED)
        return cursor.fetchone() is not None
