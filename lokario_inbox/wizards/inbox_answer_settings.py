from odoo import api, fields, models
from odoo.exceptions import AccessError


class InboxAnswerSettings(models.TransientModel):
    """The company's settings of answers, for managers of the inbox who are no administrators."""

    _name = "inbox.answer.settings"
    _inherit = ["lokario.access.mixin"]
    _description = "Settings of Answers"
    _rec_name = "company_id"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    inbox_undo_seconds = fields.Integer(related="company_id.inbox_undo_seconds", readonly=False)
    outgoing_all_or_none = fields.Boolean(related="company_id.outgoing_all_or_none", readonly=False)

    def _as_manager(self, companies):
        """Return self sudoed once the user may set these companies' inbox."""
        is_manager = self.env.user.has_group("lokario_inbox.group_lokario_inbox_manager")
        if not is_manager or companies - self.env.user.company_ids:
            raise AccessError(self.env._("Only a manager of the inbox changes these settings."))
        return self.sudo()

    @api.model_create_multi
    def create(self, vals_list):
        vals_list = [{"company_id": self.env.company.id} | vals for vals in vals_list]
        ids = {vals["company_id"] for vals in vals_list}
        sudo = self._as_manager(self.env["res.company"].browse(ids))
        return super(InboxAnswerSettings, sudo).create(vals_list).sudo(self.env.su)

    def write(self, vals):
        companies = self.company_id | self.env["res.company"].browse(vals.get("company_id") or ())
        return super(InboxAnswerSettings, self._as_manager(companies)).write(vals)
