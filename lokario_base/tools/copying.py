"""Many rows at once by PostgreSQL's COPY: half the work of an INSERT with as many values, for it and for Python."""

import io
from collections.abc import Iterable

from psycopg2 import sql


def copy_rows(cr, table: str, columns: Iterable[str], rows: Iterable[tuple]) -> None:
    """Write rows of scalars and lists of texts. As every raw SQL: no flush before, no cache behind."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    lines = "".join("\t".join(map(copied, row)) + "\n" for row in rows)
    cr.copy_expert(statement, io.StringIO(lines))


def copied(value) -> str:
    """Return one value in the text format of COPY.

    >>> copied("a\\tb"), copied(None), copied(True), copied(["x", 'y"'])
    ('a\\\\tb', '\\\\N', 't', '{"x","y\\\\\\\\""}')
    """
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, list | tuple):
        value = "{" + ",".join(map(_element, value)) + "}"
    if not isinstance(value, str):
        return str(value)
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    return value.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


def _element(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
