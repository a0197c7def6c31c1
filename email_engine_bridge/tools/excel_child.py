"""The fenced child that reads Excel files: a small one can be written to take gigabytes, or minutes.

The rows follow the answer as lines of JSON: a list of texts, an error of Excel as {"error": …}.
"""

import io
import json
import signal
import zipfile
from datetime import date, datetime, time
from itertools import islice

from lxml import etree
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from odoo.addons.lokario_base.tools.fenced_child import raise_fence, serve

MEMORY = 1024 * 1024 * 1024  # bytes above the idle child; a sheet of a million contacts has half of it
PROCESSOR = 240.0  # seconds for one file; a million rows take half of it
MAX_COLUMNS = 500
MAX_CELL = 32_767  # characters, as many as Excel has
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
        book = load_workbook(io.BytesIO(body), read_only=True, data_only=True)
        sheets = (_read(sheet, request["most"]) for sheet in book.worksheets)
        sheet, rows = next(filter(_holds_anything, sheets), ("", []))
        return {"sheet": sheet}, b"\n".join(rows)
    except UNREADABLE as error:
        return {"problem": type(error).__name__}, b""
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _holds_anything(found):
    return bool(found[1])


def _read(sheet, most):
    """(title, rows) of a sheet; rows without any value, and empty cells at their ends, are left out."""
    rows = filter(None, map(_values, sheet.iter_rows(max_col=MAX_COLUMNS)))
    return sheet.title, [json.dumps(row).encode() for row in islice(rows, most)]


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
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value)[:MAX_CELL]
