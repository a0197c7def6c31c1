from collections import Counter

from odoo import api, fields, models


class SaasInstanceConvert(models.TransientModel):
    _name = "saas.instance.convert"
    _inherit = ["lokario.access.mixin"]
    _description = "Put a Trial or Staging Instance into Production"

    instance_id = fields.Many2one("saas.instance", required=True)
    plan_id = fields.Many2one("saas.plan", required=True, domain=[("purpose", "=", "production")])
    changes = fields.Text("What Will Change", compute="_compute_changes")

    @api.depends("instance_id", "plan_id")
    def _compute_changes(self):
        for wizard in self:
            wizard.changes = "\n".join(wizard._lines())

    def _lines(self):
        """What the recorded neutralization will be undone in, by kind of record, and what the plan brings."""
        models_sudo = self.env["ir.model"].sudo().search([("abstract", "=", False)])
        names = {self.env[model.model]._table: model.name for model in models_sudo if model.model in self.env}
        counts = Counter()
        for change in self.instance_id.sudo().neutralized_changes or []:
            what = ", ".join(sorted(change["before"])) if change["before"] else self.env._("removed again")
            counts[change["table"], what if change["after"] else self.env._("added again")] += 1
        lines = [f"{names.get(table, table)}: {count} ({what})" for (table, what), count in sorted(counts.items())]
        if self.plan_id.relay_host:
            lines.append(self.env._("Outgoing mail server: %s", self.plan_id.relay_host))
        return lines

    def action_confirm(self):
        """Convert the instance; its visitors see a page for a second."""
        self.ensure_one()
        return self.instance_id.action_convert(self.plan_id.id)
