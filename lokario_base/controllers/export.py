"""Exports hold texts of strangers, subjects of mails and names of senders: no spreadsheet program computes them."""

import xlsxwriter

from odoo.addons.web.controllers.export import CSVExport

from ..tools.spreadsheet import as_text


class TextWorkbook(xlsxwriter.Workbook):
    """A text is a text: the library makes a formula of “=…” and a link of “https://…” unless it is asked not to."""

    def __init__(self, filename=None, options=None):
        plain = {"strings_to_formulas": False, "strings_to_urls": False}
        super().__init__(filename, {**plain, **(options or {})})


xlsxwriter.Workbook = TextWorkbook  # Odoo names no options: lists, groups and pivot tables


class TextCsvExport(CSVExport):
    """Odoo leaves “@…” and leading tabs as they are."""

    def from_data(self, fields, columns_headers, rows):
        return super().from_data(fields, columns_headers, [list(map(as_text, row)) for row in rows])
