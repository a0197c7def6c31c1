"""Contacts of a JSON, NDJSON, CSV or Excel body, one row at a time, each address checked.

Nothing is dropped and nothing is rewritten: a row that cannot be used is reported with number, column and reason; an
address that is wrong or belongs to a role is kept with a flag.
"""

import csv
import json
import re
import unicodedata
from datetime import UTC, datetime
from typing import NamedTuple

from ..exceptions import EngineRejected
from .addresses import inspect_address, normalise_address
from .contact_file import find_encoding, open_contacts
from .contact_json import check_object, members
from .finding import translatable as _
from .refused_row import BadRow, RefusedRow
from .storable_json import find_unstorable

__all__ = [
    "RefusedRow",
    "Row",
    "beyond_values",
    "inspect_address",
    "merge_rows",
    "normalise_address",
    "open_contacts",
    "read_contacts",
    "read_envelope",
    "read_rows",
    "target_of",
]

KNOWN = ("email", "first_name", "last_name", "lists", "tags", "consent", "consent_at", "consent_source")
# As other systems name these columns in their exports. "address" is none of them: it is the postal one.
ALIASES = {
    "email": (
        "e_mail", "mail", "courriel", "email_address", "e_mail_address", "mail_address", "adresse_email",
        "adresse_mail", "adresse_e_mail", "adresse_de_messagerie", "adresse_electronique", "primary_email", "email_1",
        "e_mail_1_value", "subscriber_email", "e_mail_adresse", "correo", "correo_electronico", "indirizzo_email",
        "indirizzo_e_mail", "emailaddress", "work_email", "contact_email", "adresse_courriel", "courrier_electronique",
        "mailadresse", "e_mailadresse", "e_mailadres",
    ),
    "first_name": ("fname", "firstname", "given_name", "prenom", "vorname", "forename"),
    "last_name": ("lname", "lastname", "surname", "family_name", "nom", "nom_de_famille", "nachname"),
}  # fmt: skip
# What other systems' exports call a contact that has left, and where they say it.
STATUSES = ("status", "subscription_status", "subscriber_status", "email_status", "marketing_status")
LEFT = ("unsubscribed", "unsubscribe", "blocklisted", "blacklisted", "opted_out", "opted-out", "optout", "désinscrit")
_TARGETS = {alias: name for name, aliases in ALIASES.items() for alias in aliases}
MAX_ATTRIBUTES = 16 * 1024  # characters of one contact's further values
MAX_NAME = 200
IGNORED = "-"  # target of a column that is left out


class Row(NamedTuple):
    """One contact; `attributes` is JSON text, lists and tags are tuples of names."""

    number: int
    email: str
    first_name: str
    last_name: str
    attributes: str
    flag: str
    consent: str
    consent_source: str
    lists: tuple
    tags: tuple
    consent_at: str = ""
    """UTC, `YYYY-MM-DD HH:MM:SS`; empty: now"""
    cells: object = ()
    """What stood in the row."""


def target_of(name):
    """Where a column of this name goes: a known field, else a value for templates under its own name."""
    plain = unicodedata.normalize("NFC", str(name)).strip().lower()
    letters = unicodedata.normalize("NFD", re.sub(r"[\s_-]+", "_", plain)).encode("ascii", "ignore").decode()
    letters = letters.strip("_*:.")  # "E-mail *:", as forms mark what must be filled in
    return letters if letters in KNOWN else _TARGETS.get(letters, plain.replace(" ", "_"))


def read_envelope(body):
    """The members beside "contacts" of {"tenant_id": …, "lists": […], "contacts": […]}, else {}."""
    if not body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") or b'"contacts"' not in body:
        return {}
    return dict(members(body.decode(find_encoding(body))))


def read_contacts(body, content_type="", targets=None, encoding=""):
    """Yield `Row` or `RefusedRow` for every row of a body (bytes).

    JSON: an array of objects or {"contacts": [...]}; NDJSON: an object a line; CSV and Excel: a first line with `email`
    in it. See `contact_file.py` for encodings and separators.

    :param targets: {column as it is named: known field, name of a value, or IGNORED}, instead of our own mapping
    """
    return read_rows(open_contacts(body, content_type, encoding), targets)


def read_rows(opened, targets=None):
    """Yield `Row` or `RefusedRow` for the rows of a `ContactFile`."""
    is_table = opened.form in ("csv", "xlsx")
    mapped = [(targets or {}).get(name) or target_of(name) for name in opened.header]
    if is_table and "email" not in mapped:
        raise EngineRejected(_("The first line must name the columns, email among them"))
    for number, row in enumerate(opened.rows, 1):
        try:
            pairs = _cells(mapped, row) if is_table else _members(row, targets)
            if is_table and row == opened.header:
                raise BadRow("", _("the line that names the columns stands here again"))
            yield _row(number, _merged(pairs))._replace(cells=row)
        except BadRow as error:
            yield RefusedRow(number, error, row)


def beyond_values(row):
    """The `RefusedRow` of a `Row` whose values, with those the contact has, are too many."""
    text = _("with those that this contact has, longer than %(most)s characters")
    return RefusedRow(row.number, BadRow("attributes", text, most=MAX_ATTRIBUTES), row.cells)


def merge_rows(rows):
    """(rows of an address each, refused ones): a later row adds to a former one, as if it came in a later file."""
    merged, refused = {}, []
    for row in rows:
        former = merged.get(row.email)
        joined = _joined(former, row) if former else row
        if former and len(joined.attributes) > max(MAX_ATTRIBUTES, len(former.attributes)):
            refused.append(beyond_values(row))
        else:
            merged[row.email] = joined
    return list(merged.values()), refused


def _joined(former, row):
    values = [json.loads(one.attributes or "{}") for one in (former, row)]
    consent = former if row.consent in ("unknown", former.consent) else row
    return row._replace(
        first_name=row.first_name or former.first_name,
        last_name=row.last_name or former.last_name,
        attributes=json.dumps(values[0] | values[1], ensure_ascii=False) if any(values) else "",
        consent=consent.consent,
        consent_source=consent.consent_source,
        consent_at=consent.consent_at,
    )


def _cells(mapped, row):
    if any(row[len(mapped) :]):
        raise BadRow("", _("more values than the first line names columns: a separator or a quote is missing"))
    for name, value in zip(mapped, row, strict=False):
        if isinstance(value, BadRow) and name != IGNORED:
            raise BadRow(name, value.text, **value.values)
    return [(name, value) for name, value in zip(mapped, row, strict=False) if value != ""]


def _members(row, targets):
    pairs = check_object(row).items()
    return [((targets or {}).get(name) or target_of(name), value) for name, value in pairs]


def _merged(pairs):
    """{column: value}; a second column of the same name adds what the first leaves empty, and never replaces it."""
    values = {}
    for name, value in pairs:
        if not name or name == IGNORED:
            continue
        if values.get(name) not in (None, "", value) and value not in (None, ""):
            raise BadRow(name, _("two columns of this name differ"))
        if values.get(name) in (None, ""):
            values[name] = value
    return values


def _row(number, values):
    if found := find_unstorable(values):
        raise BadRow(*found)
    if damaged := next((name for name, value in values.items() if isinstance(value, str) and "\ufffd" in value), ""):
        raise BadRow(damaged, _("a letter was lost when this file was saved: save it again as UTF-8"))
    email = normalise_address(_text(values, "email", most=1000))
    if not email:
        raise BadRow("email", _("missing"))
    if len(email) > 320:
        raise BadRow("email", _("longer than %(most)s characters"), most=320)
    names = (_text(values, "first_name"), _text(values, "last_name"))
    groups = (_names(values, "lists"), _names(values, "tags"))
    consent, source, consent_at = _consent(values)
    flag = inspect_address(email)
    return Row(number, email, *names, _attributes(values), flag, consent, source, *groups, consent_at)


def _consent(values):
    consent = _text(values, "consent").lower() or "unknown"
    if consent not in ("unknown", "given", "withdrawn"):
        raise BadRow("consent", _("use given, withdrawn or unknown"))
    source = _text(values, "consent_source")
    if consent == "unknown" and (status := _status_of_who_left(values)):
        consent, source = "withdrawn", source or status
    if consent == "given" and not source:
        raise BadRow("consent_source", _("say how the consent was given"))
    text = _text(values, "consent_at")
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise BadRow("consent_at", _("write it as 2026-03-01 or 2026-03-01T09:00:00+01:00")) from None
    if not moment:
        return consent, source, ""
    if consent == "unknown":
        raise BadRow("consent_at", _("say in the column consent whether it was given or withdrawn"))
    moment = moment.astimezone(UTC) if moment.tzinfo else moment
    if moment.replace(tzinfo=None) > datetime.now(UTC).replace(tzinfo=None):
        raise BadRow("consent_at", _("lies in the future"))
    return consent, source, moment.strftime("%Y-%m-%d %H:%M:%S")


def _status_of_who_left(values):
    """`status: unsubscribed` where an export says that this contact wants no mail; never a consent."""
    said = ((name, str(values.get(name) or "").strip().lower()) for name in STATUSES)
    return next((f"{name}: {status}" for name, status in said if status in LEFT), "")


def _further(value):
    """An object, or its text in a cell, as listmonk exports it."""
    if isinstance(value, str) and value.strip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise BadRow("attributes", _("send an object")) from None
        if found := find_unstorable(value, "attributes"):
            raise BadRow(*found)
    if value not in (None, "") and not isinstance(value, dict):
        raise BadRow("attributes", _("send an object"))
    return value or {}


def _attributes(values):
    attributes = dict(_further(values.get("attributes")))
    if twice := next((name for name in attributes if values.get(name) not in (None, "", attributes[name])), ""):
        raise BadRow(twice, _("two columns of this name differ"))
    attributes |= {name: value for name, value in values.items() if name not in KNOWN and name != "attributes"}
    encoded = json.dumps(attributes, ensure_ascii=False) if attributes else ""
    if len(encoded) > MAX_ATTRIBUTES:
        raise BadRow("attributes", _("longer than %(most)s characters"), most=MAX_ATTRIBUTES)
    return encoded


def _text(values, name, most=MAX_NAME):
    value = values.get(name)
    if isinstance(value, dict | list):
        raise BadRow(name, _("send a text"))
    text = "" if value is None else str(value).strip()
    if len(text) > most:
        raise BadRow(name, _("longer than %(most)s characters"), most=most)
    return text


def _split(text):
    """The names in one cell: a|b, or "a","b" as Mailchimp writes its tags."""
    return next(csv.reader([text])) if text.startswith('"') else text.split("|")


def _names(values, name):
    value = values.get(name) or ()
    parts = _split(value) if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise BadRow(name, _("send a list of names"))
    parts = tuple(part.strip() for part in parts if part.strip())
    if any(len(part) > MAX_NAME for part in parts):
        raise BadRow(name, _("longer than %(most)s characters"), most=MAX_NAME)
    return parts
