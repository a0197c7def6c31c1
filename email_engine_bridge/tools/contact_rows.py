"""Read contacts from JSON, NDJSON or CSV, one row at a time, and check each address.

Nothing is dropped: a row that cannot be used is reported with its number, an address that is wrong or
belongs to a role is kept with a flag.
"""

import codecs
import csv
import io
import itertools
import json
import re
from email.message import Message
from typing import NamedTuple

import idna

from ..exceptions import EngineRejected
from .csv_lines import MAX_ROW, CsvLines
from .finding import _
from .storable_json import find_unstorable

# RFC 5321 §4.5.3.1: 64 octets before the @, 255 after it. RFC 2142 names the role mailboxes.
_ADDRESS = re.compile(
    r"(?=.{3,254}$)[^\s@\"(),:;<>\[\\\]\x00-\x1f]{1,64}@(?:[^\W_](?:[^\W_]|-){0,62}\.)+(?:[^\W\d_]{2,63}|xn--[a-z0-9-]{2,59})"
)
_SEPARATOR = re.compile(r'"?sep=([,;\t])"?')
_SPACE = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder()
ROLES = {
    "abuse", "admin", "administrateur", "billing", "compta", "comptabilite", "contact", "direction", "facturation",
    "help", "hostmaster", "info", "infos", "jobs", "mailer-daemon", "marketing", "news", "no-reply", "noc", "noreply",
    "office", "postmaster", "privacy", "rh", "root", "sales", "secretariat", "security", "service", "spam", "support",
    "usenet", "uucp", "webmaster", "www",
}  # fmt: skip
KNOWN = ("email", "first_name", "last_name", "lists", "tags", "consent", "consent_at", "consent_source")
# "address" is none of them: in the exports of other systems it is the postal one.
ALIASES = {"fname": "first_name", "lname": "last_name", "prénom": "first_name", "nom": "last_name"} | dict.fromkeys(
    ("e-mail", "mail", "courriel", "email_address", "e-mail_address", "adresse_email", "adresse_e-mail"),
    "email",
)
# Copied with an address from pages and joined files: soft hyphen, zero-width and direction marks, byte order mark.
INVISIBLE = dict.fromkeys([0xAD, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065)])
UNREADABLE = _("The text is neither UTF-8 nor Windows-1252: save the file as UTF-8")
PIECE = 1024 * 1024  # bytes whose encoding is detected together
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
    """The form that identifies an address: visible characters, lower case, without a mailto: or <>, ASCII domain."""
    address = str(text).translate(INVISIBLE).strip().strip("<>").removeprefix("mailto:").strip().lower()
    local, at, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}{at}{_ascii_domain(domain)}"


def _ascii_domain(domain):
    """The A-labels of a domain (RFC 5890): what stands in an SMTP envelope; itself where it has none."""
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return domain


def inspect_address(address):
    """ "invalid", "role" or "" for a normalised address."""
    if not address.isascii() or not _ADDRESS.fullmatch(address) or ".." in address or address.startswith("."):
        return "invalid"  # not ASCII: only a server with SMTPUTF8 takes it (RFC 6531)
    local = address.partition("@")[0].partition("+")[0]
    return "role" if local in ROLES else ""


def read_envelope(body):
    """The members beside "contacts" of {"tenant_id": …, "lists": […], "contacts": […]}, else {}."""
    if not body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") or b'"contacts"' not in body:
        return {}
    return dict(_members(body.decode(_find_encoding(body, ""))))


def read_contacts(body, content_type=""):
    """Yield `Row` or `(number, reason)` for every row of a body (bytes).

    JSON: an array of objects or {"contacts": [...]}; NDJSON: an object a line; CSV: a header line
    with `email` in it, separated by comma, semicolon or tab. UTF-8, UTF-16, Windows-1252, or what `content_type` says.
    """
    encoding = _find_encoding(body, content_type)
    first = body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if "csv" in content_type or first not in (b"{", b"["):
        rows = _csv_rows(body, encoding)
    elif first == b"[" or b'"contacts"' in body:
        rows = _array_rows(body.decode(encoding))
    else:
        rows = _line_rows(body, encoding)
    for number, row in enumerate(rows, 1):
        try:
            yield _row(number, row)
        except BadRow as error:
            yield number, str(error)


def _find_encoding(body, content_type):
    """The first encoding in which all of the body can be read; nothing is ever replaced."""
    header = Message()
    header["Content-Type"] = content_type or "text/plain"
    declared = header.get_content_charset()
    guesses = ["utf-16"] if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else ["utf-8-sig", "cp1252"]
    for encoding in [declared] if declared not in (None, "utf-8", "utf8") else guesses:
        if _is_readable(body, encoding):
            return encoding
    if declared:
        raise EngineRejected(_("The text is no %(encoding)s, though its type says so"), encoding=declared)
    raise EngineRejected(UNREADABLE)


def _is_readable(body, encoding):
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
        for start in range(0, len(body), PIECE):
            decoder.decode(body[start : start + PIECE])
        decoder.decode(b"", True)
    except (LookupError, UnicodeError, TypeError):
        return False
    return True


def _opened(body, encoding):
    return io.TextIOWrapper(io.BytesIO(body), encoding, newline="")


def _short_lines(body, encoding):
    """Lines of a body; one that never ends is cut, for whoever counts to refuse."""
    text = _opened(body, encoding)
    while line := text.readline(MAX_ROW + 1):
        yield line


def _csv_rows(body, encoding):
    delimiter, skipped = _find_delimiter(_short_lines(body, encoding))
    lines = CsvLines(itertools.islice(_short_lines(body, encoding), skipped, None))
    rows = csv.reader(lines, delimiter=delimiter)
    header = [_column(name) for name in next(rows, [])]
    if "email" not in header:
        raise EngineRejected(_("The first line must name the columns, email among them"))
    try:
        for row in rows:
            lines.row_ended()
            if row:
                yield _folded(header, row)
    except csv.Error as error:
        raise EngineRejected(_("Line %(line)s: %(error)s"), line=rows.line_num, error=str(error)) from error


def _folded(header, row):
    """The row as a dictionary, or the `BadRow` that keeps it from being one."""
    if len(set(header)) == len(header):
        return dict(zip(header, row, strict=False))
    try:
        return _merged(zip(header, row, strict=False))
    except BadRow as error:
        return error


def _find_delimiter(lines):
    """(delimiter, lines before the header): Excel's hint "sep=;" and blank lines are no header."""
    for skipped, line in enumerate(lines):
        if hint := _SEPARATOR.fullmatch(line.strip("\r\n")):
            return hint[1], skipped + 1
        if line.strip():
            return max(",;\t", key=line.count), skipped
    return ",", 0


def _array_rows(text):
    """Elements of the array, or of the member "contacts", decoded one by one: never held together."""
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


def _line_rows(body, encoding):
    for line in _short_lines(body, encoding):
        if line.strip():
            try:
                yield json.loads(line) if len(line) <= MAX_VALUE else None
            except (ValueError, RecursionError):
                yield None


def _column(name):
    name = name.strip().lower().replace(" ", "_")
    return ALIASES.get(name, name)


def _merged(pairs):
    """{column: value}; a second column of the same name adds what the first leaves empty, and never replaces it."""
    values = {}
    for name, value in pairs:
        name = _column(str(name))
        if name and values.get(name) not in (None, "", value) and value not in (None, ""):
            raise BadRow(f"{name}: two columns of this name differ")
        if values.get(name) in (None, ""):
            values[name] = value
    return values


def _row(number, values):
    if isinstance(values, BadRow):
        raise values
    if not isinstance(values, dict):
        raise BadRow('This is no object: send {"email": …}')
    if found := find_unstorable(values):
        raise BadRow(": ".join(found))
    values = _merged(values.items())
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
