"""People whose e-mail, telephone, login and account numbers stand in every text of every model that takes them.

Each record is one person's: its texts, its references to contacts and users. Beside it stands somebody who stays.
"""

from dataclasses import dataclass

import psycopg2

from .generated_records import EXACT, MAGIC, TEXT_TYPES, GeneratedRecords, nothing_leaves

# What the program computes with, not what people write.
PLATFORM = (
    "ir.", "base.", "report.", "res.groups", "res.lang", "res.country", "res.currency", "res.company",
    "res.users", "res.config", "bus.", "web_", "fastapi.", "queue.", "lokario.account.", "lokario.erasure.",
    "onboarding.", "digest.", "res.device", "discuss.voice", "payment.provider", "payment.method", "account.chart",
    "account.account", "account.tax", "account.report", "account.journal", "account.fiscal",
    "account.reconcile", "decimal.", "uom.", "lokario.lease", "lokario.gate", "lokario.scheduled",
)  # fmt: skip
FOR_PROGRAMS = (  # ends of columns' names
    "model", "lang", "tz", "code", "path", "key", "token", "hash", "uuid", "domain", "host", "url", "prefix",
    "identifier", "defaults",
)  # fmt: skip
LOG_LINE = """INSERT INTO ir_logging (name, type, level, message, path, func, line, create_date)
              VALUES ('odoo', 'server', 'INFO', %s, '/', %s, '1', now())"""
# Name, type, whether a row needs it, and the table that it refers to.
COLUMNS = """
SELECT a.attname, format_type(a.atttypid, NULL), a.attnotnull, f.relname
  FROM pg_attribute a
  LEFT JOIN pg_constraint k ON k.contype = 'f' AND k.conrelid = a.attrelid AND a.attnum = k.conkey[1]
  LEFT JOIN pg_class f ON f.oid = k.confrelid
 WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND NOT a.atthasdef
   AND a.attname NOT IN ('create_uid', 'write_uid')
"""
NOT_SHARED = "res.partner.phone"  # a number that two contacts have is searched for nobody


@dataclass(frozen=True)
class Person:
    name: str
    user: int
    partner: int

    @property
    def email(self) -> str:
        return f"{self.name}@canari.example"

    @property
    def phone(self) -> str:
        return f"+336{self.name[-4:]}{self.name[-4:]}"


class PlantedPeople(GeneratedRecords):
    """One record of each model, the next person's each time; a person's name is the zone of what is made for it."""

    def __init__(self, env, people: list[Person]):
        super().__init__(env)
        self.people = {person.name: person for person in people}
        self.files: dict[str, int] = {}
        self.models = [name for name in sorted(env.registry) if self._stores_people(name)]

    def _stores_people(self, name) -> bool:
        model = self.env.registry[name]
        if model._abstract or model._transient or not model._auto or name.startswith(PLATFORM):
            return False
        return any(field.store and field.type in TEXT_TYPES for field in model._fields.values())

    def fill(self):
        self._make_companies()
        names = list(self.people)
        with nothing_leaves():
            for number, model in enumerate(self.models):
                self.one(model, names[number % len(names)])
                self.env.cr.postcommit.clear()  # mails of what could not be made
                self.env.cr.commit()
        for number, model in enumerate(self.models):
            if not self.ids(model, names):
                self.made[model, names[number % len(names)]] = self._insert(self.env[model], names[number % len(names)])
        neighbours = dict(zip(names, [*names[1:], names[0]], strict=True))
        for (model, name), ids in self.made.items():
            self._plant(self.env[model], ids, self.people[name], self.people[neighbours[name]])
        for name, person in self.people.items():
            self._plant_files(person, self.people[neighbours[name]])
            self.env.cr.execute(LOG_LINE, [f"{person.email} could not log in", name])
        return self

    def _make_companies(self):
        """The company that is there will do: people work in it."""
        self.company = dict.fromkeys(self.people, self.env.company.id)
        self.owner = {person.name: person.user for person in self.people.values()}

    def summary(self):
        """How much names these people, and of which models no record can be made."""
        with_records = {model for (model, _zone), ids in self.made.items() if ids}
        none = sorted({model for model, _zone in self.refused if model in self.env.registry} - with_records)
        total = sum(map(len, self.made.values()))
        return (
            f"{total} records of {len(with_records)} models name {len(self.people)} people; none of {', '.join(none)}"
        )

    def _plant_files(self, person, neighbour):
        """A file of the person's contact, one uploaded for nothing, and one that the company has of both."""
        own = {"name": "own.txt", "raw": person.email.encode()}
        both = {"name": "both.txt", "raw": f"{person.email} {neighbour.email}".encode()}
        files = self.env["ir.attachment"]
        files.create({**own, "res_model": "res.partner", "res_id": person.partner})
        files.with_user(person.user).create({**own, "raw": f"upload of {person.email}".encode()})
        files.create({**both, "res_model": "res.partner", "res_id": self.env.company.partner_id.id})

    # === ONE RECORD === #

    def _is_given(self, field, complete):
        if super()._is_given(field, complete):
            return True
        free = (
            field.store and not field.related and not field.readonly and not field.compute and field.name not in MAGIC
        )
        return bool(
            complete and free and (field.type in TEXT_TYPES or field.comodel_name in ("res.partner", "res.users"))
        )

    def _exact(self, field, zone):
        value = EXACT[str(field)]
        if not isinstance(value, dict):
            return super()._exact(field, zone)
        return list(value.values())[list(self.people).index(zone) % len(value)]

    def _text(self, field, zone):
        if str(field) == NOT_SHARED:
            return "01"
        words, person = set(field.name.split("_")), self.people[zone]
        if words & {"email", "login", "address"}:
            return person.email
        return person.phone if words & {"phone", "mobile"} else super()._text(field, zone)

    def _linked(self, field, zone):
        own = {"res.partner": self.people[zone].partner, "res.users": self.people[zone].user}
        if field.comodel_name == "ir.attachment":
            return self._file(zone)
        return own.get(field.comodel_name) or super()._linked(field, zone)

    def _file(self, zone):
        """A file for the person's records that the company has."""
        if zone not in self.files:
            self.files[zone] = self.env["ir.attachment"].create({"name": f"{zone}.txt", "raw": b"of a document"}).id
        return self.files[zone]

    # === ROWS AND TEXTS, PAST ALL CHECKS === #

    def _insert(self, model, zone) -> list[int]:
        """Write a row into the table of a model that refuses everything, an order of a till without a till, say."""
        own = {"res_partner": self.people[zone].partner, "res_users": self.people[zone].user}
        self.env.cr.execute(COLUMNS, [model._table])
        values = {}
        for column, kind, is_needed, target in self.env.cr.fetchall():
            if target and (is_needed or target in own):
                values[column] = own.get(target) or self._any_of(target)
            elif is_needed:
                values[column] = self._plain(kind)
        try:
            with self.env.cr.savepoint(flush=False):
                names, places = ", ".join(f'"{name}"' for name in values), ", ".join(["%s"] * len(values))
                insert = f'INSERT INTO "{model._table}" ({names}) VALUES ({places}) RETURNING id'
                self.env.cr.execute(insert, list(values.values()))
                return [self.env.cr.fetchone()[0]]
        except psycopg2.Error as error:
            self.refused[model._name, zone] = str(error)
            return []

    def _any_of(self, table):
        self.env.cr.execute(f'SELECT min(id) FROM "{table}"')
        return self.env.cr.fetchone()[0]

    def _plain(self, kind):
        if kind.startswith(("timestamp", "date")):
            return "2026-01-15"
        return {"boolean": False, "jsonb": "{}", "json": "{}"}.get(kind, str(self.counter))

    def _plant(self, model, ids, person, neighbour):
        """Write two people into every text column that takes any text: whose the record is, and another one."""
        text = f"{person.email} {neighbour.email} {person.phone}"
        for name, field in model._fields.items():
            plain = field.store and field.type in TEXT_TYPES and field.column_type and not field.translate
            if plain and not name.endswith(FOR_PROGRAMS) and str(field) != NOT_SHARED:
                self._write(model._table, name, text, ids)
        self.env.invalidate_all(flush=False)

    def _write(self, table, column, text, ids):
        try:
            with self.env.cr.savepoint(flush=False):
                self.env.cr.execute(f'UPDATE "{table}" SET "{column}" = %s WHERE id = ANY(%s)', [text, ids])
        except psycopg2.Error:  # a unique or a short column
            self.refused[table, column] = "takes no other text"
