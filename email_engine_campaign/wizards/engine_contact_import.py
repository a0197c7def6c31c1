import base64

from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.email_engine_bridge.exceptions import EngineRejected


class EngineContactImport(models.TransientModel):
    """Upload a file of contacts."""

    _name = "engine.contact.import"
    _inherit = ["lokario.access.mixin"]
    _description = "Import contacts"

    tenant_id = fields.Many2one("engine.tenant", required=True)
    list_id = fields.Many2one("engine.contact.list", "Add to list", domain="[('tenant_id', '=', tenant_id)]")
    file = fields.Binary("CSV, JSON or NDJSON file", attachment=False)
    file_name = fields.Char()
    report = fields.Text(readonly=True)

    def action_import(self):
        """Store the contacts and show what was done, errors row by row."""
        self.ensure_one()
        if not self.file:
            raise UserError(self.env._("Choose a file first."))
        content_type = "text/csv" if (self.file_name or "").lower().endswith((".csv", ".txt")) else ""
        lists = [self.list_id.name] if self.list_id else []
        try:
            summary = self.env["engine.contact.ingest"]._ingest(
                self.tenant_id, base64.b64decode(self.file), content_type, lists
            )
        except EngineRejected as error:
            raise UserError(self.env["engine.finding"]._say_error(error)) from error
        self.write({"report": self._describe(summary), "file": False})
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    def _describe(self, summary):
        lines = [
            self.env._(
                "%(received)s rows: %(created)s created, %(updated)s updated, %(role)s role addresses,"
                " %(invalid)s wrong addresses, %(error_count)s not usable.",
                **{name: value for name, value in summary.items() if name != "errors"},
            )
        ]
        lines += [self.env._("Row %(row)s: %(error)s", **error) for error in summary["errors"]]
        return "\n".join(lines)
