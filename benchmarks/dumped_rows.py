"""What pg_dump and the files of a database say about planted people, and which rows are not what they were."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from lokario_cli.setup.postgres import ODOO_ROLE, binaries
from lokario_testing.environments.databases import data_folder

HEADER = re.compile(rb"COPY public\.(\S+) \((.*)\) FROM stdin;")
PHONE = re.compile(rb"\+33\W{0,2}6((?:\W?\d){4})((?:\W?\d){4})")
EMAIL = re.compile(rb"(person\d{4})(?:@|%40)canari")
NULL, ERASED = b"\\N", b"***"
STAMPS, AUTHORS = {b"write_date", b"write_uid"}, {b"create_uid", b"write_uid"}
# The program's own: jobs, counters, settings, what browsers wait for.
TECHNICAL = ("ir_", "bus_", "res_device", "queue_", "lokario_account_", "lokario_lease", "lokario_rate", "mail_push")
NAME = re.compile(rb"person\d{4}")
# Headers that are written anew without one of their addresses.
REWRITTEN = {("mail_mail", b"email_to"), ("mail_mail", b"email_cc")}
REFERENCES = """
SELECT c.relname, a.attname, f.relname FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
 WHERE k.contype = 'f'
"""


@dataclass(frozen=True)
class Row:
    values: dict[bytes, bytes]  # by column, as COPY writes them
    people: tuple[str, ...]  # who is named, were it only by name; the first is whose it is


class Dump:
    """A database at one moment."""

    def __init__(self, odoo):
        self.named: Counter = Counter()  # (table or "files", person) → how many rows or files
        self.rows: dict[tuple[str, bytes], Row] = {}
        for table, columns, line in _lines(odoo):
            people = people_in(line)
            self.named.update((table, person) for person in set(people))
            values = dict(zip(columns, line.split(b"\t"), strict=True))
            if b"id" in values and not table.startswith(TECHNICAL):
                self.rows[table, values[b"id"]] = Row(values, tuple(name.decode() for name in NAME.findall(line)))
        for content in _files(odoo):
            self.named.update(("files", person) for person in set(people_in(content)))


def people_in(content: bytes) -> list[str]:
    """Return the names of the people whose address or telephone number is in the text, in order."""
    found = [(match.start(), match[1].decode()) for match in EMAIL.finditer(content)]
    for match in PHONE.finditer(content):
        first, second = (re.sub(rb"\W", b"", half) for half in match.groups())
        if first == second:
            found.append((match.start(), f"person{first.decode()}"))
    return [name for _place, name in sorted(found)]


class Changes:
    """What happened to rows of others. What they said of those who went may be gone from them."""

    def __init__(self, odoo, before: Dump, after: Dump, going: list):
        self.before, self.after = before, after
        self.names = {person.name for person in going}
        self.ids = {("res_users", str(person.user).encode()) for person in going} | {
            ("res_partner", str(person.partner).encode()) for person in going
        }
        with odoo.env() as env:
            env.cr.execute(REFERENCES)
            self.targets = {(table, column.encode()): target for table, column, target in env.cr.fetchall()}
            self.tables = {name.encode(): model._table for name, model in env.registry.items()}
        self._theirs: dict[tuple[str, bytes], bool] = {}

    def __iter__(self) -> Iterator[str]:
        for place, row in self.before.rows.items():
            if not self._is_theirs(place) and (said := self._what_happened(place, row)):
                yield f"{place[0]} {place[1].decode()} of {row.people[:1] or 'nobody'}: {said}"

    def _is_theirs(self, place) -> bool:
        """Whether a row is of those who went: named first in it, or nobody is and it belongs to what is theirs."""
        if place not in self._theirs:
            self._theirs[place] = place in self.ids  # a circle ends here
            row = self.before.rows.get(place)
            if row and row.people:
                self._theirs[place] |= row.people[0] in self.names
            elif row:
                self._theirs[place] |= any(map(self._is_theirs, self._referred(place[0], row).values()))
        return self._theirs[place]

    def _referred(self, table, row) -> dict:
        """Return {column: the row that it refers to}."""
        found = {
            column: (target, value)
            for column, value in row.values.items()
            if (target := self.targets.get((table, column))) and value != NULL and column not in AUTHORS
        }
        document = row.values.get(b"res_model") or row.values.get(b"model")
        if target := self.tables.get(document):
            found[b"res_id"] = (target, row.values.get(b"res_id"))
        return found

    def _what_happened(self, place, row) -> list[bytes]:
        if not (now := self.after.rows.get(place)):
            return [b"gone", *row.values.values()]
        return [
            b" ".join((column, old[:200], b"->", now.values[column][:200]))
            for column, old in row.values.items()
            if not self._is_kept(place[0], column, old, now.values[column])
        ]

    def _is_kept(self, table, column, old, new) -> bool:
        if new == old or column in STAMPS or (table, column) in REWRITTEN:
            return True
        if (self.targets.get((table, column)), old) in self.ids:
            return True
        is_emptied = new == NULL and bool(self.names & {*people_in(old)})
        return is_emptied or _without(old, self.names) == _without(new, self.names)


def _without(text: bytes, names: set[str]) -> bytes:
    """Return the text as it is read once these people are erased from it."""
    for name in names & {*people_in(text)}:
        phone = rf"\+336{name[-4:]}{name[-4:]}"
        text = re.sub(rf"{phone}|{name}(?:(?:@|%40)canari\.example)?".encode(), ERASED, text)
    return text


def _lines(odoo) -> Iterator[tuple[str, list[bytes], bytes]]:
    """Yield table, columns and line of each row that pg_dump writes."""
    program = [str(binaries() / "pg_dump"), "-h", odoo.environment.cluster.socket, "-U", ODOO_ROLE, "--data-only"]
    dumped = subprocess.run([*program, odoo.database], check=True, capture_output=True).stdout
    table, columns = "", []
    for line in dumped.splitlines():
        if header := HEADER.match(line):
            table, columns = header[1].decode().strip('"'), [name.strip(b' "') for name in header[2].split(b",")]
        elif line == b"\\.":
            table = ""
        elif table:
            yield table, columns, line


def _files(odoo) -> Iterator[bytes]:
    """Yield what is in the database's files and sessions; files that no row names are gone."""
    with odoo.env() as env:
        env["ir.attachment"]._gc_file_store_unsafe()
    for path in filter(lambda path: path.is_file(), (data_folder() / "filestore" / odoo.database).rglob("*")):
        yield path.read_bytes()
    for path in filter(lambda path: path.is_file(), (data_folder() / "sessions").rglob("*")):
        if odoo.database.encode() in (content := path.read_bytes()):  # sessions of other databases stay
            yield content
