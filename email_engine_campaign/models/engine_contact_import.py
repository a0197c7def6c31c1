import base64
import csv
import io
import json
from itertools import chain, islice, zip_longest

from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.email_engine_bridge.exceptions import EngineRejected
from odoo.addons.email_engine_bridge.tools.contact_file import open_contacts
from odoo.addons.email_engine_bridge.tools.contact_rows import KNOWN, RefusedRow, read_rows, target_of
from odoo.addons.lokario_base.tools.spreadsheet import as_text
from odoo.addons.lokario_base.tools.transaction import own_transaction, transaction

SAMPLE = 5  # rows that are shown before anything is stored
IN_REQUEST = 2 * 1024 * 1024  # bytes; larger files are imported by a job
SAID = 20  # refused rows the report names; the file has them all
KEPT_DAYS = 30
SHOWN = ["email", "first_name", "last_name", "attributes", "list_ids", "tag_ids", "flag"]
ENCODINGS = [
    ("utf-8", "UTF-8"),
    ("utf-16", "UTF-16"),
    ("cp1252", "Windows-1252"),
    ("mac_roman", "Macintosh"),
    ("cp850", "DOS 850"),
    ("cp1250", "Windows-1250"),
    ("cp1251", "Windows-1251"),
]


class EngineContactImport(models.Model):
    """A file of contacts: shown before anything is stored; what was refused is given back as a file."""

    _name = "engine.contact.import"
    _inherit = ["lokario.state.mixin", "lokario.access.mixin"]
    _description = "Import contacts"
    _order = "id desc"
    _rec_name = "file_name"
    _machine_writes_as_sudo = True
    _transitions = {
        "draft": {"waiting", "done"},
        "waiting": {"done", "failed"},
        "failed": {"waiting", "done"},
        "done": set(),
    }

    tenant_id = fields.Many2one(
        "engine.tenant", required=True, index=True, ondelete="cascade", default=lambda self: self._default_tenant_id()
    )
    company_id = fields.Many2one(related="tenant_id.company_id", store=True, index=True)
    list_id = fields.Many2one("engine.contact.list", "Add to list", domain="[('tenant_id', '=', tenant_id)]")
    file = fields.Binary("Excel, CSV or JSON file", attachment=True)
    file_name = fields.Char()
    encoding = fields.Selection(ENCODINGS, help="Empty: found out. Choose one where letters of the preview are wrong.")
    form = fields.Char("Read as", compute="_compute_preview")
    preview = fields.Html("First rows", compute="_compute_preview", sanitize=False)  # made here, of escaped values
    problem = fields.Char(compute="_compute_preview")
    column_ids = fields.One2many(
        "engine.contact.import.column",
        "import_id",
        "Columns",
        compute="_compute_column_ids",
        store=True,
        readonly=False,
    )
    state = fields.Selection(
        [("draft", "To check"), ("waiting", "Being imported"), ("done", "Imported"), ("failed", "Refused")],
        required=True,
        default="draft",
        readonly=True,
    )
    progress = fields.Integer("Rows read", readonly=True)
    report = fields.Text(readonly=True)
    refused = fields.Binary("Refused rows", readonly=True, attachment=True)
    refused_name = fields.Char(readonly=True)

    @api.model
    def _default_tenant_id(self):
        tenants = self.env["engine.tenant"].search([], limit=2)
        return tenants if len(tenants) == 1 else False

    # === BEFORE ANYTHING IS STORED === #

    @api.depends("file", "file_name", "encoding")
    def _compute_column_ids(self):
        for upload in self:
            upload.column_ids = [fields.Command.clear(), *map(fields.Command.create, upload._describe_columns())]

    def _describe_columns(self):
        try:
            opened = self._open(SAMPLE)
        except EngineRejected:
            return []
        if not opened or not opened.header:
            return []
        columns = zip_longest(opened.header, *islice(opened.rows, SAMPLE), fillvalue="")
        return [
            {"name": name, "sample": ", ".join(str(one) for one in sample if one)[:200], **_guess(name)}
            for name, *sample in columns
            if name
        ]

    @api.depends("file", "file_name", "encoding", "column_ids.target", "column_ids.attribute")
    def _compute_preview(self):
        for upload in self:
            upload.form, upload.preview, upload.problem = False, False, False
            try:
                opened = upload._open(SAMPLE)
                if opened:
                    upload.form = upload._say_form(opened)
                    upload.preview = upload._read_sample(opened)
            except EngineRejected as error:
                upload.problem = self.env["engine.finding"]._say_error(error)

    def _say_form(self, opened):
        if opened.form == "xlsx":
            return self.env._("Excel, sheet “%s”", opened.sheet)
        if opened.form != "csv":
            return f"JSON, {opened.encoding}"
        separator = {",": ",", ";": ";", "\t": self.env._("tab"), "|": "|"}[opened.delimiter]
        return self.env._("CSV, %(encoding)s, separator %(separator)s", encoding=opened.encoding, separator=separator)

    def _read_sample(self, opened):
        """A table of the first rows as they would be stored."""
        rows = islice(read_rows(opened, self._get_column_targets()), SAMPLE)
        names = self.env["engine.contact"].fields_get(SHOWN, ["string"])
        head = Markup("").join(Markup("<th>%s</th>") % names[name]["string"] for name in SHOWN)
        lines = Markup("").join(map(self._say_row, rows))
        return Markup("<table class='table table-sm'><thead><tr>%s</tr></thead><tbody>%s</tbody></table>") % (
            head,
            lines,
        )

    def _say_row(self, row):
        if isinstance(row, RefusedRow):
            said = self.env._("Row %(row)s: %(error)s", row=row[0], error=self._say_refusal(row))
            return Markup("<tr><td colspan='%s' class='text-danger'>%s</td></tr>") % (len(SHOWN), said)
        flags = dict(self.env["engine.contact"]._fields["flag"]._description_selection(self.env))
        values = {**row._asdict(), "flag": flags.get(row.flag, ""), "attributes": _say_attributes(row.attributes)}
        values |= {"list_ids": ", ".join(row.lists), "tag_ids": ", ".join(row.tags)}
        cells = Markup("").join(Markup("<td>%s</td>") % values[name] for name in SHOWN)
        return Markup("<tr>%s</tr>") % cells

    def _say_refusal(self, row):
        said = self.env["engine.finding"]._say_error(row.error)
        return f"{row.error.column}: {said}" if row.error.column else said

    def _open(self, most=None):
        body = self._get_body()
        return open_contacts(body, self._content_type(), self.encoding or "", most) if body else None

    def _get_body(self):
        self.ensure_one()
        return base64.b64decode(self.with_context(bin_size=False).file or b"")

    def _content_type(self):
        return "text/csv" if (self.file_name or "").lower().endswith((".csv", ".txt", ".tsv")) else ""

    def _get_column_targets(self):
        return {column.name: column._get_target() for column in self.column_ids} or None

    # === IMPORT === #

    def action_import(self):
        """Store the contacts and show what was done; a large file is left to a job."""
        self.ensure_one()
        self.check_access("write")
        if not self.file:
            raise UserError(self.env._("Choose a file first."))
        try:
            self._open(SAMPLE)
            if len(self._get_body()) > IN_REQUEST:
                self._set_waiting()
                self.sudo().with_delay(channel="root.email_engine", description=self.file_name)._job_import()
            else:
                self._import()
        except EngineRejected as error:
            raise UserError(self.env["engine.finding"]._say_error(error)) from error
        return self._get_form_action()

    def _get_form_action(self):
        return {"type": "ir.actions.act_window", "res_model": self._name, "res_id": self.id, "view_mode": "form"}

    def _job_import(self):
        """Import a large file; one transaction, so that an interrupted one has stored nothing."""
        try:
            with own_transaction(self) as mine:  # sees the progress that is written beside it
                mine._import()
        except EngineRejected as error:
            self._set_failed(self.env["engine.finding"]._say_error(error))

    def _import(self):
        opened = self._open()
        refused = _RefusedFile(opened.header)
        summary = self.env["engine.contact.ingest"]._ingest_rows(
            self.tenant_id,
            opened,
            targets=self._get_column_targets(),
            lists=self.list_id.mapped("name"),
            on_batch=lambda count, rows: self._note_progress(count, map(self._refusal_line, rows), refused),
        )
        self._set_done(self._describe(summary, refused), refused)

    def _refusal_line(self, row):
        return row[0], row.error.column, self._say_refusal(row), row.cells

    def _note_progress(self, count, lines, refused):
        refused.add(lines)
        if self.state == "waiting":  # the form shows it while this transaction goes on
            with transaction(self.env) as cr:
                cr.execute("UPDATE engine_contact_import SET progress = %s WHERE id = %s", (count, self.id))

    def _set_waiting(self):
        self.sudo()._set_state("waiting", progress=0, report=False)

    def _set_failed(self, problem):
        self.sudo()._set_state("failed", report=problem)

    def _set_done(self, report, refused):
        """The file is not kept: it holds people's data, and the contacts have it."""
        stem = (self.file_name or "").rpartition(".")[0]
        name = self.env._("Refused rows of %s", stem)
        self.sudo()._set_state(
            "done",
            report=report,
            refused=refused.encoded(),
            refused_name=f"{name}.csv",
            file=False,
        )

    def _describe(self, summary, refused):
        lines = [
            self.env._(
                "%(received)s rows: %(created)s created, %(updated)s updated, %(role)s role addresses,"
                " %(invalid)s wrong addresses, %(error_count)s not usable.",
                **{name: value for name, value in summary.items() if isinstance(value, int)},
            )
        ]
        for number, _column, said, _cells in refused.first:
            lines.append(self.env._("Row %(row)s: %(error)s", row=number, error=said))
        return "\n".join(lines)

    @api.autovacuum
    def _gc_imports(self):
        """Files of people nobody needs any more."""
        old = self.search([("state", "!=", "waiting"), ("create_date", "<", f"-{KEPT_DAYS}d")], limit=1000)
        old.unlink()
        return len(old), len(old) == 1000


class _RefusedFile:
    """The refused rows as a CSV to mend and import again: columns as they were, number and reason behind."""

    def __init__(self, header):
        self.first = []
        self._header = header
        self._stream = io.StringIO()
        self._writer = csv.writer(self._stream, delimiter=";")

    def add(self, lines):
        for number, column, said, cells in lines:
            if not self.first:
                self._writer.writerow([*map(as_text, self._header), "row", "column", "reason"])
            if len(self.first) < SAID:
                self.first.append((number, column, said, cells))
            values = cells if isinstance(cells, list) else [cells]
            padded = chain(map(str, values), [""] * (len(self._header) - len(values)))
            self._writer.writerow(map(as_text, [*padded, number, column, said]))

    def encoded(self):
        """In UTF-8 with a mark, which Excel needs; None when nothing was refused."""
        text = self._stream.getvalue()
        return base64.b64encode(text.encode("utf-8-sig", "backslashreplace")) if text else None


def _say_attributes(encoded):
    return ", ".join(f"{name}: {value}" for name, value in json.loads(encoded or "{}").items())


def _guess(name):
    target = target_of(name)
    return {"target": target} if target in KNOWN else {"target": "attribute", "attribute": target}
