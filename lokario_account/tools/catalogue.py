"""Every text of a database, found from PostgreSQL's catalogue and read in one pass."""

from collections.abc import Callable
from dataclasses import dataclass

from odoo.tools import SQL

UNIT = "\x1f"  # between two columns of a row; no text contains it
KEY_TYPES = {"id": "bigint", "ctid": "tid"}  # a row's key as PostgreSQL finds it without reading the table
NUMBERED = {("id", "int4"), ("id", "int8")}
PEOPLE = {"res_partner": "p", "res_users": "u"}  # how a reference to one is written: p12, u5

COLUMNS = """
SELECT c.relname, a.attname, t.typname,
       t.typcategory = 'S' OR t.typname IN ('json', 'jsonb', 'xml', 'bytea', 'hstore', 'tsvector')
       OR (t.typcategory = 'A' AND e.typcategory = 'S') AS is_text
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_type e ON e.oid = t.typelem
 WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
 ORDER BY c.relname, a.attnum
"""
REFERENCES = """
SELECT c.relname, a.attname, f.relname
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_class f ON f.oid = k.confrelid
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
 WHERE k.contype = 'f' AND f.relname = ANY(%s) AND a.attname NOT IN ('create_uid', 'write_uid')
   AND c.relnamespace = current_schema()::regnamespace
"""


@dataclass(frozen=True)
class TextTable:
    """A table with texts."""

    name: str
    key: str  # the column that names a row: id, else where it lies (ctid)
    columns: tuple[str, ...]
    types: tuple[str, ...]  # of the columns
    references: tuple[tuple[str, str], ...]  # (column, table) of people that a row refers to

    def query(self) -> SQL:
        """Return the statement that writes key, people and texts of each row."""
        people = [SQL("%s || %s::text", PEOPLE[table], SQL.identifier(column)) for column, table in self.references]
        texts = [
            SQL("encode(%s, 'escape')" if kind == "bytea" else "%s::text", SQL.identifier(column))
            for column, kind in zip(self.columns, self.types, strict=True)
        ]
        return SQL(
            "SELECT %(key)s::text, array_to_string(ARRAY[%(people)s]::text[], ','), %(texts)s FROM %(table)s",
            key=SQL.identifier(self.key),
            people=SQL(", ").join(people),
            texts=SQL(f" || '{UNIT}' || ").join(SQL("coalesce(%s, '')", text) for text in texts),
            table=SQL.identifier(self.name),
        )


def text_tables(cr, without: tuple[str, ...] = ()) -> list[TextTable]:
    """Return the tables of the database that have a text of any kind."""
    cr.execute(REFERENCES, [list(PEOPLE)])
    references: dict[str, list[tuple[str, str]]] = {table: [("id", table)] for table in PEOPLE}
    for table, column, target in cr.fetchall():
        references.setdefault(table, []).append((column, target))
    cr.execute(COLUMNS)
    columns: dict[str, list[tuple[str, str, bool]]] = {}
    for table, *column in cr.fetchall():
        columns.setdefault(table, []).append(tuple(column))
    return [
        TextTable(
            table,
            "id" if any((name, kind) in NUMBERED for name, kind, _is_text in all_of_it) else "ctid",
            tuple(name for name, _kind, is_text in all_of_it if is_text),
            tuple(kind for _name, kind, is_text in all_of_it if is_text),
            tuple(references.get(table, ())),
        )
        for table, all_of_it in columns.items()
        if table not in without and any(is_text for _name, _kind, is_text in all_of_it)
    ]


def read_texts(cr, table: TextTable, handle: Callable[[str, set[str], list[str]], None]) -> int:
    """Call ``handle(key, people, texts)`` for every row and return their number; nothing is kept in memory."""
    rows = _Rows(handle)
    query = cr.mogrify(*_split(table.query())).decode()
    cr.copy_expert(f"COPY ({query}) TO STDOUT", rows)
    return rows.count


def _split(query: SQL):
    return query.code, query.params


class _Rows:
    """What COPY writes into, a row at a time."""

    def __init__(self, handle):
        self.count = 0
        self._handle = handle

    def write(self, line: bytes):  # pylint: disable=method-required-super
        key, people, texts = line.decode(errors="replace").rstrip("\n").split("\t")
        self.count += 1
        self._handle(key, set(people.split(",")), texts.split(UNIT))
