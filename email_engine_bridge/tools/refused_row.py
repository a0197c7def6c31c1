"""A row of an import that cannot be used: which, in which column, why."""

from ..exceptions import EngineRejected


class BadRow(EngineRejected):
    """This row cannot be used; the text says what to mend in which column ("" where it is the whole row)."""

    def __init__(self, column, text, **values):
        super().__init__(text, **values)
        self.column = column

    def __str__(self):
        return f"{self.column}: {super().__str__()}" if self.column else super().__str__()


class RefusedRow(tuple):
    """(number, reason), with the error itself and what stood in the row."""

    def __new__(cls, number, error, cells=()):
        row = super().__new__(cls, (number, str(error)))
        row.error = error
        row.cells = cells
        return row
