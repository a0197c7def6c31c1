"""Read PowerMTA accounting: CSV in any column order, JSON (array, object, lines), gzip or not.

Record types and columns: PowerMTA v5.0 User's Guide, chapters 11 and 12. Field names vary in case
within the guide itself, so they are matched without case. `b` rows leave srcMta and dlvSourceIp empty:
an IP is known by its `vmta`.
"""

import csv
import json
import re
import zlib
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import blake2b
from operator import itemgetter
from typing import NamedTuple

from ..exceptions import EngineRejected
from .csv_lines import CsvLines
from .json_shape import check_json_shape

MAX_INFLATED = 1024 * 1024 * 1024  # bytes one compressed body may grow to
MAX_RATIO = 100  # times; accounting shrinks ten to twenty times
RATIO_FROM = 4 * 1024 * 1024  # bytes from which the ratio is checked
READ = 256 * 1024  # bytes read at a time
MAX_FIELD = 64 * 1024  # characters of one CSV field
MAX_TRIES = 50  # ends of objects within one object of JSON that stands on several lines
MAX_LINE = 1024 * 1024  # bytes
MAX_COLUMNS = 1000
MAX_JSON_VALUES = 1_000_000  # of one array, which is read in one piece

TYPES = {
    "d": "d", "delivery": "d",
    "b": "b", "bounce": "b",
    "t": "t", "transient": "t",
    "tq": "tq", "transient-queue": "tq",
    "r": "r", "receipt": "r",
    "f": "f", "feedback-loop": "f",
    "rb": "rb", "remote-bounce": "rb",
    "rs": "rs", "remote-status": "rs",
}  # fmt: skip

# Where each value may stand, the first column that is there and filled wins.
COLUMNS = {
    "type": ("type",),
    "time": ("timelogged", "timequeued"),
    "sender": ("orig", "header_return-path"),
    "rcpt": ("rcpt", "orcpt", "header_x-hmxmroriginalrecipient"),
    "status": ("dsnstatus",),
    "diagnostic": ("dsndiag",),
    "category": ("bouncecat", "feedbacktype"),
    "action": ("dsnaction",),
    "vmta": ("vmta",),
    "job": ("jobid", "header_x-job"),
    "message_id": ("header_message-id",),
    "queue": ("queue",),
    "source_ip": ("dlvsourceip",),
}


class Record(NamedTuple):
    """One accounting row; times are UTC `YYYY-MM-DD HH:MM:SS`, absent values are ''."""

    type: str
    time: str
    sender: str
    rcpt: str
    status: str
    diagnostic: str
    category: str
    action: str
    vmta: str
    job: str
    message_id: str
    queue: str
    source_ip: str = ""

    @property
    def key(self):
        """22 characters, the same for a row read again, from a file or a webhook with other columns."""
        return _digest(self._identity)

    @property
    def key_of_stranger(self):
        """The same for mail that is not ours: only the Message-ID distinguishes two to one person within one second."""
        return _digest((*self._identity, self.message_id.strip("<> ")) if self.message_id else self._identity)

    @property
    def _identity(self):
        return self.type, self.time, self.sender, self.rcpt, self.vmta, self.job, self.status


def _digest(identity):
    digest = blake2b("\0".join(identity).encode("utf-8", "replace"), digest_size=16).digest()
    return b64encode(digest, b"-_")[:22].decode()


class Unreadable(EngineRejected):
    """The body is no accounting data."""


def read_records(chunks, on_error=None):
    """Yield `Record`s from an iterable of byte chunks; compression and format are recognised.

    on_error: called with (row number, reason) for a row that cannot be used; None raises
    `Unreadable` at the first one.
    """
    chunks = _peekable(_inflated(chunks))
    head = next(chunks)
    first = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    parse = _from_json if first in (b"{", b"[") else _from_csv
    for number, row in enumerate(parse(_joined(head, chunks)), 1):
        try:
            yield _record(row)
        except (ValueError, KeyError, OverflowError, TypeError) as error:
            if on_error is None:
                raise Unreadable(f"Row {number}: {error}") from error
            on_error(number, str(error))


def _inflated(chunks):
    chunks = _peekable(chunks)
    head = next(chunks)
    if head[:2] != b"\x1f\x8b":
        yield head
        yield from chunks
        return
    inflate, size, read, is_open = None, 0, 0, False
    for chunk in _joined(head, chunks):
        read += len(chunk)
        while chunk:
            if not is_open:  # RFC 1952 §2.2: a file is a series of members, and may be padded with zeros
                chunk = chunk.lstrip(b"\0") if inflate else chunk
                inflate, is_open = zlib.decompressobj(wbits=31), bool(chunk)
                continue
            try:
                data = inflate.decompress(chunk, READ * 4)
            except zlib.error as error:
                raise Unreadable(f"The compressed body is damaged: {error}") from error
            size += len(data)
            if size > MAX_INFLATED or size > max(RATIO_FROM, MAX_RATIO * (read - len(inflate.unconsumed_tail))):
                raise Unreadable("The body inflates beyond all measure")
            yield data
            is_open = not inflate.eof
            chunk = inflate.unconsumed_tail if is_open else inflate.unused_data
    if is_open:
        raise Unreadable("The compressed body is cut short")


def _peekable(chunks):
    """The chunks with small ones joined until there is something to recognise."""
    chunks, head = iter(chunks), b""
    for chunk in chunks:
        head += chunk
        if len(head.strip()) >= 2:
            break
    yield head
    yield from chunks


def _joined(head, chunks):
    yield head
    yield from chunks


def _lines(chunks):
    rest = b""
    for chunk in chunks:
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        if len(rest) > MAX_LINE:
            raise Unreadable("A line is too long")
        yield from lines
    if rest:
        yield rest


def _from_csv(chunks):
    pick = width = None
    for row in _csv_rows(chunks):
        if isinstance(row, str):
            if pick is None:
                raise Unreadable(row)
            yield row
        elif pick is None or (row[0] not in TYPES and _names_columns(row)):
            pick, width = _picker(_names(row)), len(row)
        elif len(row) == width:
            yield pick(row)
        else:
            yield "Not as many values as columns: this row was cut, or joined with another"


def _csv_rows(chunks):
    """Yield each row, or what is wrong with it."""
    csv.field_size_limit(MAX_FIELD)
    lines = _AccountingLines(_storable(line.decode("utf-8", "replace")) + "\n" for line in _lines(chunks))
    rows = csv.reader(lines)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            row = f"Line {rows.line_num}: {error}"
        lines.row_ended()
        if row:
            yield row


class _AccountingLines(CsvLines):
    """A row that was cut within quotes ends where the next one begins: it must not take the others with it."""

    _next = ""

    def __next__(self):
        is_within, line, self._next = self._size, self._next, ""
        if line:
            self._size += len(line)
            return line
        line = super().__next__()
        if is_within and _BEGINNING.match(line):
            self._next, line = line, '"' + "," * MAX_COLUMNS + "\n"  # more values than any header has columns
        return line


def _names(row):
    return [name.lstrip("\ufeff").strip().lower() for name in row]


def _names_columns(row):
    names = set(_names(row))
    return "type" in names and not names.isdisjoint(COLUMNS["time"])


def _picker(header):
    """Function from a row of this header to its values in the order of `COLUMNS`."""
    if not _names_columns(header) or len(header) > MAX_COLUMNS:
        raise Unreadable("The first line must name the columns, type and timeLogged among them")
    places = [[header.index(name) for name in names if name in header] for names in COLUMNS.values()]
    width, simple = len(header), all(len(place) <= 1 for place in places)
    take = itemgetter(*(place[0] if place else width for place in places))
    alternatives = [(index, place[1:]) for index, place in enumerate(places) if len(place) > 1]

    def pick(row):
        row.append("")
        values = take(row)
        if not simple:
            values = list(values)
            for index, others in alternatives:
                values[index] = values[index] or next((row[other] for other in others if row[other]), "")
        return values

    return pick


def _from_json(chunks):
    head = next(chunks := iter(chunks))
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        yield from _from_json_lines(_joined(head, chunks))
        return
    body = b"".join(_joined(head, chunks))
    try:
        check_json_shape(body, MAX_JSON_VALUES)
        rows = json.loads(body)
    except (ValueError, EngineRejected) as error:
        raise Unreadable(f"The JSON cannot be read: {error}") from error
    yield from (_row_of(row) for row in rows)


def _from_json_lines(chunks):
    """Objects one a line, or a single object over several lines; one that was cut does not take the next with it."""
    pending, tries = b"", 0
    for line in filter(bytes.strip, _lines(chunks)):
        if pending and _is_object(line):
            yield "The JSON is cut short"
            pending, tries = b"", 0
        pending += line + b"\n"
        if not line.rstrip().endswith(b"}"):
            if len(pending) > MAX_FIELD * 4:
                raise Unreadable("The JSON cannot be read")
            continue
        try:
            yield _row_of(json.loads(pending))
            pending, tries = b"", 0
        except RecursionError as error:
            raise Unreadable("The JSON is nested too deeply") from error
        except json.JSONDecodeError:
            tries += 1  # each reads all of it again
            if tries > MAX_TRIES or len(pending) > MAX_FIELD * 4:
                raise Unreadable("The JSON cannot be read") from None
    if pending.strip():
        raise Unreadable("The JSON is cut short")


def _is_object(line):
    try:
        return line.startswith(b'{"') and "type" in json.loads(line)
    except (ValueError, RecursionError):
        return False


def _row_of(row):
    """Values of a JSON object in the order of `COLUMNS`."""
    if not isinstance(row, dict):
        raise Unreadable("Each row must be an object")
    row = {str(name).lower(): "" if value is None else _storable(str(value)) for name, value in row.items()}
    return [next((row[name] for name in names if row.get(name)), "") for names in COLUMNS.values()]


def _storable(text):
    """Half a surrogate pair, which JSON can spell, becomes "?", NUL nothing: no reason to lose the row."""
    text = text.replace("\0", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _record(values):
    if isinstance(values, str):  # what is wrong with the row
        raise ValueError(values)
    kind = TYPES.get(values[0]) or TYPES.get(values[0].strip().lower())
    if kind is None:
        raise ValueError(f"unknown record type {values[0][:20]!r}")
    rcpt = values[3][7:] if values[3][:7].lower() == "rfc822;" else values[3]  # of an ORCPT (RFC 3461)
    return Record(kind, _utc(values[1]), values[2], rcpt, *values[4:])


_BEGINNING = re.compile(rf"(?:{'|'.join(TYPES)}),\"?[0-9]|type,", re.IGNORECASE)
_ISO = re.compile(r"(\d{4})[-/](\d\d)[-/](\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?")
_AMERICAN = re.compile(r"(\d\d)/(\d\d)/(\d{4})(?=\D)")


def _utc(text):
    """`2019-02-08 21:54:05+0000`, RFC 3339, `02/08/2019 21:54:05-0500` or unix time -> naive UTC text."""
    if text[19:] == "+0000" and text[4:5] == "-" and text[:4].isdigit():
        return _valid(text[:19])
    if found := _ISO.fullmatch(_AMERICAN.sub(r"\3-\1-\2", text.strip(), count=1)):
        moment = datetime.fromisoformat(f"{found[1]}-{found[2]}-{found[3]}T{found[4]}{found[5] or '+00:00'}")
    elif re.fullmatch(r"\d{9,11}(\.\d+)?", text.strip()):
        moment = datetime.fromtimestamp(float(text), UTC)
    else:
        raise ValueError(f"no moment: {text[:40]!r}")
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _valid(text):
    datetime.fromisoformat(text)
    return text
