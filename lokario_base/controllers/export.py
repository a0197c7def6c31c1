"""Exports hold texts of strangers, subjects of mails and names of senders: no spreadsheet program computes them."""

import xlsxwriter

from odoo.addons.web.controllers.export import CSVExport

STARTS_FORMULA = ("@", "\t", "\r", "\n")  # besides =, + and -, which Odoo quotes itself


class TextWorkbook(xlsxwriter.Workbook):
    """A text is a text: the library makes a formula of “=…” and a link of “https://…” unless it is asked not to."""

    def __init__(self, filename=None, options=None):
        as_text = {"strings_to_formulas": False, "strings_to_urls": False}
        super().__init__(filename, {**as_text, **(options or {})})


xlsxwriter.Workbook = TextWorkbook  # Odoo names no options: lists, groups and pivot tables


class TextCsvExport(CSVExport):
    def from_data(self, fields, columns_headers, rows):
        return super().from_data(fields, columns_headers, [list(map(self._as_text, row)) for row in rows])

    def _as_text(self, value):
        is_formula = isinstance(value, str) and value.startswith(STARTS_FORMULA)
        return f"'{value}" if is_formula else value
