"""Takes out of a copy everything of its template that is secret, queued or personal to it.

`neutralize.sql` is made for test copies: it keeps mail passwords, queued mails and texts, API
keys, tokens and the database secret. What is secret is decided by the *name* of a column, so that
modules nobody thought of are covered too, plus the tables and parameters listed in `rules`.
"""

import secrets
import uuid

from psycopg2 import sql

from ..exceptions import NotClean
from .catalog import Catalog, set_parameter
from .rules import (
    PURGED_TABLES,
    STATEMENTS,
    is_rotated_column,
    is_secret_column,
    is_secret_parameter,
)

MAX_SIGNALING = 2**31 - 1


def sanitize(connection):
    """Empty, purge and renew in one transaction of ``connection``.

    :return: names of the system parameters that looked secret and were removed
    """
    catalog = Catalog.of(connection)
    with connection.cursor() as cursor:
        _purge(cursor, catalog)
        for requires, statement in STATEMENTS:
            if all(catalog.has(table, *columns) for table, *columns in requires):
                cursor.execute(statement)
        _empty_secret_columns(cursor, catalog)
        removed = _remove_secret_parameters(cursor)
        renew_identity(cursor, catalog)
    return removed


def _purge(cursor, catalog):
    for table in PURGED_TABLES:
        if catalog.has(table):
            cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))


def _secret_columns(catalog):
    by_table = {}
    for column in catalog.columns:
        if is_secret_column(column):
            by_table.setdefault(column.table, []).append(column)
    return by_table


def _empty_secret_columns(cursor, catalog):
    for table, columns in _secret_columns(catalog).items():
        cursor.execute(
            sql.SQL("UPDATE {} SET {} WHERE {}").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(_fresh_value, columns)),
                sql.SQL(" OR ").join(
                    sql.SQL("{} IS NOT NULL").format(sql.Identifier(column.name)) for column in columns
                ),
            )
        )


def _fresh_value(column):
    """NULL for a secret; a new token where a record cannot do without one."""
    name = sql.Identifier(column.name)
    if is_rotated_column(column):
        return sql.SQL("{0} = CASE WHEN {0} IS NULL THEN NULL ELSE gen_random_uuid()::text END").format(name)
    return sql.SQL("{} = NULL").format(name)


def _remove_secret_parameters(cursor):
    cursor.execute("SELECT key, value FROM ir_config_parameter")
    keys = sorted(key for key, value in cursor.fetchall() if is_secret_parameter(key, value))
    cursor.execute("DELETE FROM ir_config_parameter WHERE key = ANY(%s)", [keys])
    return keys


def renew_identity(cursor, catalog):
    """A new secret and identifier; old tokens and caches of the same name die with the old ones.

    Other processes may hold a registry of an earlier database of this name: signalling numbers
    that nobody has seen make them load this one afresh.
    """
    set_parameter(cursor, "database.secret", secrets.token_urlsafe(48))
    set_parameter(cursor, "database.uuid", str(uuid.uuid4()))
    cursor.execute(
        "UPDATE ir_config_parameter SET value = to_char(now() AT TIME ZONE 'utc',"
        " 'YYYY-MM-DD HH24:MI:SS') WHERE key = 'database.create_date'"
    )
    for table in sorted({column.table for column in catalog.columns}):
        if table.startswith("orm_signaling_"):
            cursor.execute(
                sql.SQL(
                    "SELECT setval(pg_get_serial_sequence({literal}, 'id'), {number});"
                    "INSERT INTO {table} DEFAULT VALUES"
                ).format(
                    literal=sql.Literal(table),
                    number=sql.Literal(10**6 + secrets.randbelow(MAX_SIGNALING // 2)),
                    table=sql.Identifier(table),
                )
            )


def current_secret(connection):
    """The `database.secret` as it is now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM ir_config_parameter WHERE key = 'database.secret'")
        return cursor.fetchone()[0]


def verify(connection, template_secret):
    """Prove that nothing is left; raise :class:`NotClean` naming what is.

    :param str template_secret: the `database.secret` of the template
    """
    catalog = Catalog.of(connection)
    left = []
    with connection.cursor() as cursor:
        left += _left_columns(cursor, catalog)
        left += [table for table in PURGED_TABLES if _has_rows(cursor, catalog, table)]
        cursor.execute("SELECT key, value FROM ir_config_parameter")
        parameters = dict(cursor.fetchall())
    left += [key for key, value in parameters.items() if is_secret_parameter(key, value)]
    if parameters.get("database.secret") in {None, "", template_secret}:
        left.append("database.secret")
    if left:
        raise NotClean(", ".join(left))


def _left_columns(cursor, catalog):
    left = []
    for table, columns in _secret_columns(catalog).items():
        emptied = [column.name for column in columns if not is_rotated_column(column)]
        if emptied and _any_row(
            cursor,
            sql.SQL("SELECT 1 FROM {} WHERE {} LIMIT 1").format(
                sql.Identifier(table),
                sql.SQL(" OR ").join(sql.SQL("{} IS NOT NULL").format(sql.Identifier(name)) for name in emptied),
            ),
        ):
            left.append(table)
    return left


def _has_rows(cursor, catalog, table):
    query = sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(table))
    return catalog.has(table) and _any_row(cursor, query)


def _any_row(cursor, query):
    cursor.execute(query)
    return cursor.fetchone() is not None
