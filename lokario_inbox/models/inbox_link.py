from odoo import api, fields, models
from odoo.exceptions import UserError


class InboxLink(models.Model):
    """A conversation belongs to a record of Odoo: a quotation, a task, a vehicle…"""

    _name = "inbox.link"
    _inherit = ["lokario.access.mixin"]
    _description = "Link of a conversation to a record"
    _order = "id desc"
    _rec_name = "record_name"

    conversation_id = fields.Many2one("inbox.conversation", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="conversation_id.company_id")
    res_model = fields.Char(string="Document model", required=True)
    res_id = fields.Many2oneReference(string="Document", model_field="res_model", required=True)
    record_name = fields.Char(compute="_compute_record_name", compute_sudo=False)
    model_name = fields.Char(compute="_compute_record_name", compute_sudo=False)

    _record_uniq = models.Constraint(
        "UNIQUE(conversation_id, res_model, res_id)", "The conversation is already linked to this record."
    )
    _record_idx = models.Index("(res_model, res_id)")

    @api.depends("res_model", "res_id")
    @api.depends_context("uid", "lang")
    def _compute_record_name(self):
        for link in self:
            record = link._record()
            readable = record is not None and record.has_access("read")
            link.model_name = self.env["ir.model"]._get(link.res_model).name if record is not None else link.res_model
            link.record_name = record.display_name if readable else self.env._("(no access)")

    def _record(self):
        """Return the linked record, or None when its model or itself is gone."""
        self.ensure_one()
        if self.res_model not in self.env:
            return None
        return self.env[self.res_model].browse(self.res_id).exists() or None

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_target(vals.get("res_model"), vals.get("res_id"))
        return super().create(vals_list)

    def write(self, vals):
        if {"res_model", "res_id", "conversation_id"} & set(vals):
            raise UserError(self.env._("A link is not changed: remove it and add another one."))
        return super().write(vals)

    def _check_target(self, res_model, res_id):
        if res_model not in self.env or self.env[res_model]._abstract or self.env[res_model]._transient:
            raise UserError(self.env._("Choose a record to link the conversation to."))
        record = self.env[res_model].browse(res_id)
        record.check_access("read")
        if not record.exists():
            raise UserError(self.env._("This record does not exist any more."))

    def action_open(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "views": [(False, "form")],
        }
