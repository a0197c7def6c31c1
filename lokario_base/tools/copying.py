"""Many rows at once by PostgreSQL's COPY: half the work of an INSERT with as many values, for it and for Python."""

from collections.abc import Iterable
from itertools import islice

from psycopg2 import sql


def copy_rows(cr, table: str, columns: Iterable[str], rows: Iterable[tuple]) -> None:
    """Write rows of scalars, bytes and lists of texts. As every raw SQL: no flush before, no cache behind."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    cr.copy_expert(statement, _Lines(rows))


class _Lines:
    """The rows as the file that COPY reads, a few at a time: what is copied is never in memory twice."""

    def __init__(self, rows):
        self._lines = ("\t".join(map(copied, row)) + "\n" for row in rows)

    def read(self, _size: int) -> str:  # pylint: disable=method-required-super  # a file's, no model's
        return "".join(islice(self._lines, 16))


def copied(value) -> str:
    """Return one value in the text format of COPY.

    >>> copied("a\\tb"), copied(None), copied(True), copied(["x", 'y"']), copied(b"a")
    ('a\\\\tb', '\\\\N', 't', '{"x","y\\\\\\\\""}', '\\\\\\\\x61')
    """
    if value is None:
        return "\\N"
    if isinstance(value, list | tuple):
        value = "{" + ",".join(map(_element, value)) + "}"
    if isinstance(value, str):
        if "\\" in value:
            value = value.replace("\\", "\\\\")
        return value.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    return str(value)


def _element(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
