"""Read contacts from JSON, NDJSON or CSV, one row at a time, and look at each address.

Nothing is dropped: a row that cannot be used is reported with its number, an address that is wrong or
belongs to a role is kept with a flag.
"""

import csv
import io
import json
import re
from typing import NamedTuple

from ..exceptions import EngineRejected
from .csv_lines import MAX_ROW, CsvLines
from .storable_json import find_unstorable

# RFC 5321 §4.5.3.1: 64 octets before the @, 255 after it. RFC 2142 names the role mailboxes.
_ADDRESS = re.compile(
    r"(?=.{3,254}$)[^\s@\"(),:;<>\[\\\]\x00-\x1f]{1,64}@(?:[^\W_](?:[^\W_]|-){0,62}\.)+(?:[^\W\d_]{2,63}|xn--[a-z0-9-]{2,59})"
)
_SPACE = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder()
ROLES = {
    "abuse", "admin", "administrateur", "billing", "compta", "comptabilite", "contact", "direction", "facturation",
    "help", "hostmaster", "info", "infos", "jobs", "mailer-daemon", "marketing", "news", "no-reply", "noc", "noreply",
    "office", "postmaster", "privacy", "rh", "root", "sales", "secretariat", "security", "service", "spam", "support",
    "usenet", "uucp", "webmaster", "www",
}  # fmt: skip
KNOWN = ("email", "first_name", "last_name", "lists", "tags", "consent", "consent_at", "consent_source")
ALIASES = {"fname": "first_name", "lname": "last_name", "address": "email", "e-mail": "email", "mail": "email"}
MAX_ATTRIBUTES = 16 * 1024  # characters of one contact's further values
MAX_NAME = 200
MAX_VALUE = 256 * 1024  # characters of one JSON row, or of a member beside the rows
SHORT = 4 * 1024  # characters in which nearly every row fits


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


class BadRow(EngineRejected):
    """This row cannot be used; the text says what to mend."""


def normalise_address(text):
    """The form that identifies an address: trimmed, lower case, without a mailto: or <>."""
    return str(text).strip().strip("<>").removeprefix("mailto:").strip().lower()


def inspect_address(address):
    """ "invalid", "role" or "" for a normalised address."""
    if not _ADDRESS.fullmatch(address) or ".." in address or address.startswith("."):
        return "invalid"
    local = address.partition("@")[0].partition("+")[0]
    return "role" if local in ROLES else ""


def read_envelope(body):
    """The members beside "contacts" of {"tenant_id": …, "lists": […], "contacts": […]}, else {}."""
    if not body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") or b'"contacts"' not in body:
        return {}
    return dict(_members(body.decode("utf-8-sig", "replace")))


def read_contacts(body, content_type=""):
    """Yield `Row` or `(number, reason)` for every row of a body (bytes).

    JSON: an array of objects or {"contacts": [...]}; NDJSON: an object a line; CSV: a header line
    with `email` in it, separated by comma, semicolon or tab.
    """
    first = body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if "csv" in content_type or first not in (b"{", b"["):
        rows = _csv_rows(body)
    elif first == b"[" or b'"contacts"' in body:
        rows = _array_rows(body.decode("utf-8-sig", "replace"))
    else:
        rows = _line_rows(body)
    for number, row in enumerate(rows, 1):
        try:
            yield _row(number, row)
        except BadRow as error:
            yield number, str(error)


def _opened(body):
    return io.TextIOWrapper(io.BytesIO(body), "utf-8-sig", "replace", newline="")


def _short_lines(body):
    """Lines of a body; one that never ends is cut, for whoever counts to refuse."""
    text = _opened(body)
    while line := text.readline(MAX_ROW + 1):
        yield line


def _csv_rows(body):
    delimiter = max(",;\t", key=_opened(body).readline(MAX_ROW).count)
    lines = CsvLines(_short_lines(body))
    rows = csv.reader(lines, delimiter=delimiter)
    header = [_column(name) for name in next(rows, [])]
    if "email" not in header:
        raise EngineRejected("The first line must name the columns, email among them")
    try:
        for row in rows:
            lines.row_ended()
            if row:
                yield dict(zip(header, row, strict=False))
    except csv.Error as error:
        raise EngineRejected(f"Line {rows.line_num}: {error}") from error


def _array_rows(text):
    """Elements of the array, or of the member "contacts", decoded one by one: never held all at once."""
    if text.lstrip()[:1] == "[":
        for _end, row in _elements(text, text.index("[")):
            yield row
        return
    for name, value in _members(text, keep="contacts"):
        if name == "contacts":
            yield value


def _members(text, keep=None):
    """(name, value) of an object's members; of an array "contacts" each element, if it is to be kept."""
    position = _SPACE.match(text, text.index("{") + 1).end()
    while text[position : position + 1] == '"':
        name, position = _decode(text, position)
        position = _SPACE.match(text, position).end()
        if text[position : position + 1] != ":":
            raise EngineRejected("The JSON cannot be read: a colon is missing")
        position = _SPACE.match(text, position + 1).end()
        if name == "contacts" and text[position : position + 1] == "[":
            for position, row in _elements(text, position):  # noqa: B007, B020 the position goes on
                if keep == name:
                    yield name, row
        else:
            value, position = _decode(text, position)
            yield name, value
        position = _SPACE.match(text, position).end()


def _elements(text, start):
    """(position after it, value) of each element of the array that begins at `start`."""
    position = _SPACE.match(text, start + 1).end()
    while text[position : position + 1] != "]":
        row, position = _decode(text, position)
        position = _SPACE.match(text, position).end()
        yield position + (text[position : position + 1] == "]"), row


def _decode(text, position):
    """(value, position after it): looked for in a short piece first, never in more than MAX_VALUE characters."""
    for most in (SHORT, MAX_VALUE):
        piece = text[position : position + most]
        is_cut = position + most < len(text)
        try:
            value, end = _DECODER.raw_decode(piece)
        except (ValueError, RecursionError) as error:
            if most == SHORT and is_cut:
                continue
            raise EngineRejected(f"The JSON cannot be read at character {position}: {error}") from error
        if end < len(piece) or not is_cut:
            return value, position + end
    raise EngineRejected(f"The JSON cannot be read at character {position}: longer than {MAX_VALUE} characters")


def _line_rows(body):
    for line in _short_lines(body):
        if line.strip():
            try:
                yield json.loads(line) if len(line) <= MAX_VALUE else None
            except (ValueError, RecursionError):
                yield None


def _column(name):
    name = name.strip().lower().replace(" ", "_")
    return ALIASES.get(name, name)


def _row(number, values):
    if not isinstance(values, dict):
        raise BadRow('This is no object: send {"email": …}')
    if found := find_unstorable(values):
        raise BadRow(": ".join(found))
    values = {_column(str(name)): value for name, value in values.items()}
    email = normalise_address(values.get("email") or "")
    if not email:
        raise BadRow("email: missing")
    if len(email) > 320:
        raise BadRow("email: longer than 320 characters")
    consent = values.get("consent") or "unknown"
    if consent not in ("unknown", "given", "withdrawn"):
        raise BadRow("consent: use given, withdrawn or unknown")
    source = _text(values, "consent_source")
    if consent == "given" and not source:
        raise BadRow("consent_source: say how the consent was given")
    further = values.get("attributes")
    attributes = {} if not isinstance(further, dict) else dict(further)
    attributes |= {name: value for name, value in values.items() if name not in KNOWN and name != "attributes" and name}
    encoded = json.dumps(attributes, ensure_ascii=False) if attributes else ""
    if len(encoded) > MAX_ATTRIBUTES:
        raise BadRow(f"attributes: more than {MAX_ATTRIBUTES} characters")
    names = (_text(values, "first_name"), _text(values, "last_name"))
    groups = (_names(values, "lists"), _names(values, "tags"))
    return Row(number, email, *names, encoded, inspect_address(email), consent, source, *groups)


def _text(values, name):
    text = str(values.get(name) or "").replace("\0", "").strip()
    if len(text) > MAX_NAME:
        raise BadRow(f"{name}: longer than {MAX_NAME} characters")
    return text


def _names(values, name):
    value = values.get(name) or ()
    parts = value.split("|") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise BadRow(f"{name}: send a list of names")
    return tuple(part.strip()[:MAX_NAME] for part in parts if part.strip())
