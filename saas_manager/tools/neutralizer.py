"""Odoo's neutralization: one module at a time, rehearsed in a production copy, recorded in a staging one.

Odoo concatenates the `neutralize.sql` files of all modules: one broken file and nothing at all is
neutralized. Here each file has its own savepoint, all failures are listed, and the caller decides.
"""

import dataclasses
import json

import psycopg2
from psycopg2 import sql

from odoo.addons.lokario_host import neutralization
from odoo.addons.lokario_host.neutralization import rehearsal  # noqa: F401  what is rehearsed is a neutralization

from ..exceptions import NotClean
from .catalog import Catalog, Column
from .rules import PURGED_TABLES, is_secret_column, is_secret_parameter

LATER = neutralization.PARAMETER + "%"
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
    """Neutralize every installed module; return the list of :class:`Failure`."""
    failures = []
    with connection.cursor() as cursor:
        for module in installed_modules(connection):
            for query in neutralization.queries_of(module):
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


# === UNDONE LATER === #


def recorded(connection, action):
    """Run ``action``, a neutralization; return what it changed, as :func:`restore` takes it.

    Left out is what the sanitizer takes out anyway.
    """
    changes = neutralization.recorded(connection, action, left_out=PURGED_TABLES)
    return list(filter(None, map(_without_secrets, changes)))


def _without_secrets(change):
    table, before, after = change["table"], change["before"], change["after"]
    row = before or after
    if table == "ir_config_parameter" and "key" in row and is_secret_parameter(row["key"], row["value"]):
        return None
    if before and after:
        names = [name for name in before if not _is_secret(table, name)]
        before, after = ({name: row[name] for name in names} for row in (before, after))
    return change | {"before": before, "after": after} if before or after else None


def changed_later(connection):
    """What was changed when modules were installed in a neutralized instance (`lokario_host`), as `restore` takes it.

    Its records are the client's to change: what is no list of changes is left out.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM ir_config_parameter WHERE key LIKE %s ORDER BY id DESC", [LATER])
        return [change for (value,) in cursor.fetchall() for change in _changes_in(value)]


def _changes_in(value):
    try:
        found = json.loads(value)
    except ValueError:
        return []
    return [change for change in found if _is_change(change)] if isinstance(found, list) else []


def _is_change(change):
    if not isinstance(change, dict) or change.keys() != {"table", "id", "before", "after"}:
        return False
    before, after = change["before"], change["after"]
    return isinstance(before or after, dict) and all(row is None or isinstance(row, dict) for row in (before, after))


def forget_later(connection):
    """Remove the records of :func:`changed_later`, once their changes are undone."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM ir_config_parameter WHERE key LIKE %s", [LATER])


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
