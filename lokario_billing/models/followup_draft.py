from odoo import fields, models
from odoo.exceptions import UserError


class FollowupDraft(models.Model):
    """A custom text of a reminder, written by a person; it leaves when a person presses Send."""

    _name = "lokario.followup.draft"
    _inherit = ["lokario.access.mixin"]
    _description = "Custom text of a reminder"
    _order = "id desc"
    _rec_name = "followup_id"
    _machine_writes_as_sudo = True

    followup_id = fields.Many2one("lokario.followup", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="followup_id.company_id", store=True, index=True)
    level_id = fields.Many2one(related="followup_id.next_level_id")
    text = fields.Text(string="Custom text", help="Replaces the opening of the template.")

    def action_send(self):
        """A person approves: the next reminder leaves with these words."""
        self.ensure_one()
        self.check_access("read")
        if not (self.text or "").strip():
            raise UserError(self.env._("Write the text first."))
        return self.followup_id._send_now(self.text)

    def _as_dialog(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Write to the customer"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }
