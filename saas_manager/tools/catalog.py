"""What a database is made of: which tables and columns are there to be touched.

An instance may have any set of modules, so every statement asks here first.
"""

import dataclasses
import weakref


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of an ordinary table; ``type`` as PostgreSQL's ``pg_type`` names it."""

    table: str
    name: str
    type: str
    required: bool


class Catalog:
    """The tables and columns of schema ``public``; nothing of ours changes them."""

    _known = weakref.WeakKeyDictionary()

    @classmethod
    def of(cls, connection):
        """The catalog of what ``connection`` is connected to, read once for each connection."""
        if connection not in cls._known:
            cls._known[connection] = cls(connection)
        return cls._known[connection]

    def __init__(self, connection):
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT c.relname, a.attname, t.typname, a.attnotnull
                  FROM pg_attribute a
                  JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
                  JOIN pg_type t ON t.oid = a.atttypid
                 WHERE c.relnamespace = 'public'::regnamespace
                   AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
                """
            )
            self.columns = [Column(*row) for row in cursor.fetchall()]
        self._names = {(column.table, column.name) for column in self.columns}
        self._tables = {column.table for column in self.columns}

    def has(self, table, *columns):
        """Whether ``table`` exists with all the ``columns``."""
        return table in self._tables and all((table, column) in self._names for column in columns)


def xmlid(cursor, module, name):
    """The database id behind an external identifier, or None."""
    cursor.execute("SELECT res_id::int FROM ir_model_data WHERE module = %s AND name = %s", [module, name])
    row = cursor.fetchone()
    return row and row[0]


def nearest_language(cursor, code):
    """The active language for a client who speaks ``code``: this one, else another of the same tongue, else ""."""
    cursor.execute(
        "SELECT code FROM res_lang WHERE active AND split_part(code, '_', 1) = split_part(%s, '_', 1)"
        " ORDER BY code <> %s, code LIMIT 1",
        [code, code],
    )
    return (cursor.fetchone() or [""])[0]


def set_parameter(cursor, key, value):
    """Write one system parameter."""
    cursor.execute(
        """
        INSERT INTO ir_config_parameter (key, value, create_date, write_date)
             VALUES (%s, %s, now() AT TIME ZONE 'utc', now() AT TIME ZONE 'utc')
        ON CONFLICT (key) DO UPDATE SET value = excluded.value, write_date = excluded.write_date
        """,
        [key, value],
    )
