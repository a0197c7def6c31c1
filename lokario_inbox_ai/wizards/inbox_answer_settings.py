from odoo import fields, models


class InboxAnswerSettings(models.TransientModel):
    _inherit = "inbox.answer.settings"

    inbox_ai_provider_id = fields.Many2one(
        related="company_id.inbox_ai_provider_id", readonly=False, domain="[('company_id', '=', company_id)]"
    )
    inbox_ai_stopped = fields.Boolean(related="company_id.inbox_ai_stopped")
    inbox_ai_prompt = fields.Text(related="company_id.inbox_ai_prompt", readonly=False)
    inbox_ai_knowledge = fields.Text(related="company_id.inbox_ai_knowledge", readonly=False)
    inbox_ai_allowlist = fields.Text(related="company_id.inbox_ai_allowlist", readonly=False)
    inbox_ai_hours = fields.Text(related="company_id.inbox_ai_hours", readonly=False)
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

    def action_stop(self):
        """Kill switch."""
        self.company_id.action_inbox_ai_stop()

    def action_resume(self):
        self.company_id.action_inbox_ai_resume()
