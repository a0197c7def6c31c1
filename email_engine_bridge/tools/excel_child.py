"""The fenced child that reads Excel files: a small one can be written to take gigabytes, or minutes.

The rows follow the answer as lines of JSON: a list of texts, an error of Excel as {"error": …}.
"""

import io
import json
import re
import signal
import zipfile
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice

from lxml import etree
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from odoo.addons.lokario_base.tools.fenced_child import raise_fence, serve

MEMORY = 1024 * 1024 * 1024  # bytes above the idle child; a sheet of a million contacts has half of it
PROCESSOR = 240.0  # seconds for one file; a million rows take half of it
MAX_CELL = 32_767  # characters, as many as Excel has
PIECE = 1024 * 1024  # bytes of a sheet that are searched together
# A formula that nobody has calculated: programs that write such files leave that to Excel, and its cell looks empty.
_NO_RESULT = re.compile(
    rb'<(?:\w+:)?c\b(?![^>]*\bt="str")[^>]*>\s*<(?:\w+:)?f\b[^>]*(?:/>|>[^<]*</(?:\w+:)?f>)'
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_PADDED = re.compile(r'(?:[0#]|"[^"]*"|\\.|[ ()+/-])*0(?:[0#]|"[^"]*"|\\.|[ ()+/-])*')  # 00000, 0#" "##" "##
UNREADABLE = (
    InvalidFileException,
    etree.XMLSyntaxError,
    zipfile.BadZipFile,
    KeyError,
    ValueError,
    IndexError,
    OSError,
    TypeError,
    AttributeError,
    SyntaxError,
    EOFError,
    NotImplementedError,
)


def main():
    raise_fence(MEMORY, opens_files=True)
    serve(_answer)


def _answer(request, body):
    signal.setitimer(signal.ITIMER_PROF, PROCESSOR)  # nothing handles SIGPROF: it ends the process, in C code too
    try:
        if _lacks_results(body):
            return {"problem": "formula"}, b""
        book = load_workbook(io.BytesIO(body), read_only=True, data_only=True)
        sheets = (_read(sheet, request["columns"], request["most"]) for sheet in book.worksheets)
        sheet, rows = next(filter(_holds_anything, sheets), ("", []))
        return {"sheet": sheet}, b"\n".join(rows)
    except TooWide:
        return {"problem": "columns"}, b""
    except UNREADABLE as error:
        return {"problem": type(error).__name__}, b""
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


class TooWide(Exception):
    """A row has more values than there may be columns."""


def _lacks_results(body):
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        sheets = [info for info in archive.infolist() if info.filename.startswith("xl/worksheets/")]
        return any(_NO_RESULT.search(piece) for info in sheets for piece in _pieces(archive, info))


def _pieces(archive, info):
    """The bytes of a file, each piece beginning with the end of the former one."""
    end = b""
    with archive.open(info) as stream:
        while piece := stream.read(PIECE):
            yield end + piece
            end = piece[-1000:]


def _holds_anything(found):
    return bool(found[1])


def _read(sheet, columns, most):
    """(title, rows) of a sheet; rows without any value, and empty cells at their ends, are left out."""
    rows = []
    for row in islice(filter(None, map(_values, sheet.iter_rows(max_col=columns + 1))), most):
        if len(row) > columns:
            raise TooWide
        rows.append(json.dumps(row).encode())
    return sheet.title, rows


def _values(row):
    values = [_value(cell) for cell in row]
    while values and not values[-1]:
        values.pop()
    return values


def _value(cell):
    value = cell.value
    if cell.data_type == "e":
        return {"error": str(value)}
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _shown(Decimal(f"{value:.15g}"), cell.number_format)
    return "" if value is None else str(value)[:MAX_CELL]


def _shown(number, number_format):
    """A number as Excel shows it: 15 digits, and those that its format adds (01234, 06 12 34 56 78)."""
    digits = f"{number:f}"
    pattern = number_format.partition(";")[0].rpartition("]")[2]
    if not digits.isdigit() or not _PADDED.fullmatch(pattern):
        return digits
    places = re.findall(r'[0#]|"[^"]*"|\\.|.', pattern)
    left, shown = list(digits), []
    for place in reversed(places):
        if place in "0#":
            shown.append(left.pop() if left else "0" if place == "0" else "")
        else:
            shown.append(place.strip('"').removeprefix("\\"))
    return "".join(left) + "".join(reversed(shown))
