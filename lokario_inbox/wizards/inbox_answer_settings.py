from odoo import api, fields, models
from odoo.exceptions import AccessError


class InboxAnswerSettings(models.TransientModel):
    """The company's settings of answers and AI, for managers of the inbox who are no administrators."""

    _name = "inbox.answer.settings"
    _inherit = ["lokario.access.mixin"]
    _description = "Settings of Answers and AI"
    _rec_name = "company_id"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    inbox_undo_seconds = fields.Integer(related="company_id.inbox_undo_seconds", readonly=False)
    outgoing_all_or_none = fields.Boolean(related="company_id.outgoing_all_or_none", readonly=False)
    inbox_ai_provider_id = fields.Many2one(
        related="company_id.inbox_ai_provider_id", readonly=False, domain="[('company_id', '=', company_id)]"
    )
    inbox_ai_stopped = fields.Boolean(related="company_id.inbox_ai_stopped")
    inbox_ai_prompt = fields.Text(related="company_id.inbox_ai_prompt", readonly=False)
    inbox_ai_knowledge = fields.Text(related="company_id.inbox_ai_knowledge", readonly=False)
    inbox_ai_allowlist = fields.Text(related="company_id.inbox_ai_allowlist", readonly=False)
    inbox_ai_facts = fields.Boolean(related="company_id.inbox_ai_facts", readonly=False)
    inbox_ai_classify = fields.Boolean(related="company_id.inbox_ai_classify", readonly=False)
    inbox_ai_confidence = fields.Float(related="company_id.inbox_ai_confidence", readonly=False)
    inbox_ai_summary_from = fields.Integer(related="company_id.inbox_ai_summary_from", readonly=False)
    inbox_ai_start = fields.Float(related="company_id.inbox_ai_start", readonly=False)
    inbox_ai_end = fields.Float(related="company_id.inbox_ai_end", readonly=False)
    inbox_ai_weekdays = fields.Char(related="company_id.inbox_ai_weekdays", readonly=False)
    inbox_ai_holidays = fields.Boolean(related="company_id.inbox_ai_holidays", readonly=False)
    inbox_ai_timezone = fields.Selection(related="company_id.inbox_ai_timezone", readonly=False)
    inbox_ai_sender_hours = fields.Integer(related="company_id.inbox_ai_sender_hours", readonly=False)
    inbox_ai_thread_limit = fields.Integer(related="company_id.inbox_ai_thread_limit", readonly=False)
    inbox_ai_day_limit = fields.Integer(related="company_id.inbox_ai_day_limit", readonly=False)
    inbox_ai_minutes = fields.Float(related="company_id.inbox_ai_minutes", readonly=False)

    def _as_manager(self, companies):
        """Return self sudoed once the user may set these companies' inbox."""
        is_manager = self.env.user.has_group("lokario_inbox.group_lokario_inbox_manager")
        if not is_manager or companies - self.env.user.company_ids:
            raise AccessError(self.env._("Only a manager of the inbox changes these settings."))
        return self.sudo()

    @api.model_create_multi
    def create(self, vals_list):
        ids = {vals.get("company_id") or self.env.company.id for vals in vals_list}
        sudo = self._as_manager(self.env["res.company"].browse(ids))
        return super(InboxAnswerSettings, sudo).create(vals_list).sudo(self.env.su)

    def write(self, vals):
        companies = self.company_id | self.env["res.company"].browse(vals.get("company_id") or ())
        return super(InboxAnswerSettings, self._as_manager(companies)).write(vals)

    def action_stop(self):
        """Kill switch."""
        self.company_id.action_inbox_ai_stop()

    def action_resume(self):
        self.company_id.action_inbox_ai_resume()
