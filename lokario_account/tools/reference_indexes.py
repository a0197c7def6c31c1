"""Indexes for a night in which many accounts are deleted.

Where a column refers to what is deleted and no index begins with it, PostgreSQL reads its whole table for each row that
goes: `create_uid` of every message, for each user. The indexes go again at the end of the night, or of the next one.
"""

import zlib

from odoo.tools import SQL

TARGETS = ["res_users", "res_partner", "mail_message", "ir_attachment"]
LARGE = 512 * 1024  # bytes of a table; a smaller one is read in a moment
PREFIX = "lokario_erasure_"
PATIENCE = "5s"  # of waiting for a table that others use; it then stays as it is

UNINDEXED = """
SELECT c.relname, a.attname
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
 WHERE k.contype = 'f' AND k.confrelid = ANY(%s::regclass[])
   AND c.relnamespace = current_schema()::regnamespace AND pg_relation_size(c.oid) >= %s
   AND NOT EXISTS (
       SELECT FROM pg_index i
        WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum AND i.indisvalid
          AND coalesce(pg_get_expr(i.indpred, i.indrelid), '') IN ('', format('(%%I IS NOT NULL)', a.attname)))
 ORDER BY c.relname, a.attname
"""
TEMPORARY = """
SELECT relname FROM pg_class
 WHERE relkind = 'i' AND starts_with(relname, %s) AND relnamespace = current_schema()::regnamespace
"""


def unindexed(cr) -> list[tuple[str, str]]:
    """Return (table, column) of the large tables that would be read for each deleted row."""
    cr.execute(UNINDEXED, [TARGETS, LARGE])
    return cr.fetchall()


def temporary(cr) -> list[str]:
    """Return the names of the indexes made here that are still there."""
    cr.execute(TEMPORARY, [PREFIX])
    return [name for (name,) in cr.fetchall()]


def create(cr, table: str, column: str) -> None:
    """:raises LockNotAvailable: others write to the table"""
    name = f"{PREFIX}{zlib.crc32(f'{table}.{column}'.encode())}"
    _execute(cr, SQL("CREATE INDEX %s ON %s (%s)", *map(SQL.identifier, (name, table, column))))


def drop(cr, name: str) -> None:
    """:raises LockNotAvailable: others use the table"""
    _execute(cr, SQL("DROP INDEX %s", SQL.identifier(name)))


def _execute(cr, statement: SQL) -> None:
    cr.execute(SQL("SET LOCAL lock_timeout = %s", PATIENCE))
    cr.execute(statement)
