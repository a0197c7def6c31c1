"""What form a body of contacts has: Excel's file, CSV or JSON; its encoding, its separator, its columns.

Whatever cannot be read for certain is refused: no character is ever replaced, no half of a file is ever taken for all.
"""

import codecs
import csv
import io
import itertools
import json
import re
from dataclasses import dataclass, field
from email.message import Message

from charset_normalizer import from_bytes

from odoo.addons.lokario_base.tools.fenced_process import BeyondBudget, FencedProcess

from ..exceptions import EngineRejected
from . import contact_json
from .csv_lines import MAX_ROW, CsvLines
from .finding import translatable as _
from .refused_row import BadRow

UNREADABLE = _("The text is neither UTF-8 nor Windows-1252: save the file as UTF-8")
PIECE = 1024 * 1024  # bytes whose encoding is detected together
EXCEL_WALL = 600.0  # seconds for one file on a busy machine; its processor time is limited by the child itself
EXCEL_COLUMNS = 500
EXCEL_ROOM = 512 * 1024 * 1024  # bytes of rows
SEPARATORS = ",;\t|"
_HINT = re.compile(r'"?sep=([,;\t|])"?')
_UTF16_WITHOUT_MARK = re.compile(rb"(?:[\t\n\r -~]\0){4}")
_UTF16_BE_WITHOUT_MARK = re.compile(rb"(?:\0[\t\n\r -~]){4}")
_WESTERN = re.compile("[\x00-\x7fÀ-ÅÇ-ÏÑ-ÖØ-Üß-åç-ïñ-öø-üÿŒœŸ«»°€’‘“”…–—•™®©§·±²³\xa0ªº¿¡]")
_TORN = re.compile(r"[^\x00-\x7f]{3}|[A-Za-z][“”…•™®©§±²³][a-z]")  # letters of another encoding
# Windows-1252 has all of it, and € besides; browsers and mail programs read these labels so (WHATWG, Encoding, 4.2).
_LABELS = dict.fromkeys(("iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1", "l1"), "cp1252")
# What people's programs save in where it is neither UTF-8 nor Windows-1252.
_OLD_ENCODINGS = ["cp1250", "cp1251", "cp1253", "cp1254", "mac_roman", "cp850"]

_NO_EXCEL = _("This is no Excel file that can be read: save it as .xlsx or CSV")
_EXCEL_PROBLEMS = {
    "formula": _("The Excel file has formulas without a result: open it in Excel and save it again"),
    "columns": _("The Excel file has more than %(most)s columns"),
}

_excel = FencedProcess(f"{__package__}.excel_child")


@dataclass
class ContactFile:
    """A body that was recognised; `rows` yields lists of cells, or objects where `header` is empty."""

    form: str  # csv, xlsx, json, lines
    encoding: str = ""
    delimiter: str = ""
    header: list = field(default_factory=list)
    rows: object = ()
    sheet: str = ""


def open_contacts(body, content_type="", encoding="", most=None):
    """Return the `ContactFile` of a body (bytes).

    :param encoding: what somebody says it is, instead of looking
    :param most: how many rows are wanted; Excel files are not read lazily
    """
    if body.startswith(b"PK\x03\x04"):
        return _open_excel(body, most)
    if body.startswith(b"\xd0\xcf\x11\xe0"):
        raise EngineRejected(_("This is a file of Excel 97 to 2003: save it as .xlsx"))
    encoding = encoding or find_encoding(body, content_type)
    if not _is_readable(body, encoding):
        raise EngineRejected(_("The text is no %(encoding)s"), encoding=encoding)
    first = next((line.lstrip()[:1] for line in short_lines(body, encoding) if line.strip()), "")
    if "csv" in content_type or first not in ("{", "["):
        return _open_csv(body, encoding)
    if first == "[" or b'"contacts"' in body.replace(b"\0", b""):
        return ContactFile("json", encoding, rows=contact_json.array_rows(body.decode(encoding)))
    return ContactFile("lines", encoding, rows=contact_json.line_rows(short_lines(body, encoding)))


def find_encoding(body, content_type=""):
    """The encoding in which all of the body can be read; raises where it would be a guess."""
    header = Message()
    header["Content-Type"] = content_type or "text/plain"
    declared = _LABELS.get(header.get_content_charset(), header.get_content_charset())
    if declared not in (None, "utf-8", "utf8"):
        if _is_readable(body, declared):
            return declared
        raise EngineRejected(_("The text is no %(encoding)s, though its type says so"), encoding=declared)
    for encoding in _marked(body):
        if _is_readable(body, encoding):
            return encoding
    if _is_readable(body, "cp1252") and _is_western(body.decode("cp1252")):
        return "cp1252"
    guesses = [match.encoding for match in from_bytes(body[:PIECE], cp_isolation=_OLD_ENCODINGS)]
    if guesses:
        raise EngineRejected(
            _("The text is not UTF-8, but probably %(encoding)s: save the file as UTF-8, or say its encoding"),
            encoding=guesses[0],
        )
    raise EngineRejected(UNREADABLE)


def _is_western(text):
    """Whether all that is not ASCII are letters of western Europe and its typography, two in a row at most."""
    return not _WESTERN.sub("", text).strip() and not _TORN.search(text)


def _marked(body):
    """Encodings by what the body begins with."""
    if body.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return ["utf-32"]
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ["utf-16"]
    if _UTF16_WITHOUT_MARK.match(body):
        return ["utf-16-le"]
    if _UTF16_BE_WITHOUT_MARK.match(body):
        return ["utf-16-be"]
    return ["utf-8-sig"]


def _is_readable(body, encoding):
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
        for start in range(0, len(body), PIECE):
            decoder.decode(body[start : start + PIECE])
        decoder.decode(b"", True)
    except (LookupError, UnicodeError, TypeError):
        return False
    return True


def short_lines(body, encoding):
    """Lines of a body; one that never ends is cut, for whoever counts to refuse."""
    text = io.TextIOWrapper(io.BytesIO(body), encoding, newline="")
    while line := text.readline(MAX_ROW + 1):
        yield line


def _open_csv(body, encoding):
    delimiter, skipped = _find_delimiter(short_lines(body, encoding))
    lines = CsvLines(itertools.islice(short_lines(body, encoding), skipped, None))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    rows = _csv_rows(reader, lines, skipped)
    return ContactFile("csv", encoding, delimiter, [name.strip() for name in next(rows, [])], rows)


def _csv_rows(reader, lines, skipped):
    try:
        for row in reader:
            lines.row_ended()
            if any(row):
                yield row
    except csv.Error as error:
        line = reader.line_num + skipped
        raise EngineRejected(_("Line %(line)s: %(error)s"), line=line, error=str(error)) from error


def _find_delimiter(lines):
    """(delimiter, lines before the header): Excel's hint "sep=;" and blank lines are no header."""
    for skipped, line in enumerate(lines):
        if hint := _HINT.fullmatch(line.strip("\r\n\ufeff")):
            return hint[1], skipped + 1
        if line.strip("\ufeff \r\n\t,;|"):
            return max(SEPARATORS, key=lambda one: _count_columns(line, one)), skipped
    return ",", 0


def _count_columns(line, delimiter):
    try:
        return len(next(csv.reader([line], delimiter=delimiter)))
    except csv.Error:
        return 0


def _open_excel(body, most):
    """The first sheet that holds anything; values as Excel shows them, formulas by their last result."""
    try:
        request = {"most": most and most + 1, "columns": EXCEL_COLUMNS}
        answer, blob = _excel.ask(request, body, seconds=EXCEL_WALL, room=EXCEL_ROOM)
    except BeyondBudget as error:
        raise EngineRejected(_("The Excel file inflates beyond all measure")) from error
    finally:
        if len(body) > PIECE:  # its memory is given back
            _excel.close()
    if "problem" in answer:
        raise EngineRejected(_EXCEL_PROBLEMS.get(answer["problem"], _NO_EXCEL), most=EXCEL_COLUMNS)
    rows = map(_excel_row, io.BytesIO(blob))
    header = [str(name).strip() for name in next(rows, [])]
    return ContactFile("xlsx", header=header, rows=rows, sheet=answer["sheet"])


def _excel_row(line):
    return [_excel_error(cell["error"]) if isinstance(cell, dict) else cell for cell in json.loads(line)]


def _excel_error(name):
    return BadRow("", _("%(error)s is an error of Excel"), error=name)
