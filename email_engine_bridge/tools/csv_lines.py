"""Lines for `csv.reader`, which would gather a row that never ends until the memory does."""

from ..exceptions import EngineRejected
from .finding import translatable as _

MAX_ROW = 1024 * 1024  # characters of one row, its line breaks inside of quotes included


class CsvLines:
    """Iterate over lines; whoever takes a row from the reader calls `row_ended`."""

    def __init__(self, lines):
        self._lines = iter(lines)
        self._size = 0

    def __iter__(self):
        return self

    def __next__(self):
        line = next(self._lines)
        self._size += len(line)
        if self._size > MAX_ROW:
            raise EngineRejected(_("A row is longer than %(most)s characters"), most=MAX_ROW)
        return line

    def row_ended(self):
        self._size = 0
