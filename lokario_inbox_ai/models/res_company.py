from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from odoo.addons.base.models.res_partner import _tz_get
from odoo.addons.lokario_base.tools.send_window import SendWindow, clock

MANAGERS = "base.group_system,lokario_inbox.group_lokario_inbox_manager"


class ResCompany(models.Model):
    _inherit = "res.company"

    inbox_ai_provider_id = fields.Many2one(
        "inbox.ai.provider",
        "AI provider",
        domain="[('company_id', '=', id)]",
        groups=MANAGERS,
    )
    inbox_ai_stopped = fields.Boolean(
        "AI answers stopped", help="Kill switch: nothing leaves automatically any more.", groups="base.group_user"
    )
    inbox_ai_prompt = fields.Text("Instructions for AI", groups=MANAGERS)
    inbox_ai_knowledge = fields.Text(
        "Knowledge for AI", help="Opening hours, prices, procedures: what answers may use.", groups=MANAGERS
    )
    inbox_ai_allowlist = fields.Text(
        "Our links, accounts and numbers",
        help="One per line: drafts that hold them are shown without a warning. No model gets them.",
        groups=MANAGERS,
    )
    inbox_ai_hours = fields.Text(
        "Opening hours",
        translate=True,
        help="What stands in place of {{company.hours}} in approved passages.",
        groups=MANAGERS,
    )
    inbox_ai_facts = fields.Boolean(
        "Use the customer's own documents",
        help="Quotes, orders and invoices of the customer who wrote, once his address is verified.",
        groups="base.group_user",
    )
    inbox_ai_classify = fields.Boolean(
        "File mail by AI", help="What no rule matched is filed by folder descriptions.", groups="base.group_user"
    )
    inbox_ai_confidence = fields.Float("Confidence to file", default=0.7, groups="base.group_user")
    inbox_ai_summary_from = fields.Integer(
        "Summarise from",
        help="Mails after which a conversation is summarised automatically, again with each mail; 0: on request only.",
        groups="base.group_user",
    )
    inbox_ai_start = fields.Float(
        "Answers from", default=0.0, help="The same hour twice: around the clock.", groups="base.group_user"
    )
    inbox_ai_end = fields.Float("Answers until", default=0.0, groups="base.group_user")
    inbox_ai_weekdays = fields.Char("Days", default="1234567", groups="base.group_user")  # 1 is Monday
    inbox_ai_holidays = fields.Boolean("Closed on French public holidays", groups="base.group_user")
    inbox_ai_timezone = fields.Selection(
        _tz_get, "Time zone of the answers", default="Europe/Paris", groups="base.group_user"
    )
    inbox_ai_sender_hours = fields.Integer(
        "Hours between two answers to a sender", default=24, groups="base.group_user"
    )
    inbox_ai_thread_limit = fields.Integer("Automatic answers in a conversation", default=3, groups="base.group_user")
    inbox_ai_day_limit = fields.Integer("Automatic answers a day", default=100, groups="base.group_user")
    inbox_ai_minutes = fields.Float("Minutes a draft saves", default=4.0, groups="base.group_user")

    @api.constrains("inbox_ai_provider_id")
    def _check_inbox_ai_provider(self):
        for company in self.sudo():
            if company.inbox_ai_provider_id.company_id - company.parent_ids:
                raise ValidationError(self.env._("AI provider: choose one of this company."))

    @api.constrains("inbox_ai_start", "inbox_ai_end", "inbox_ai_weekdays")
    def _check_inbox_opening(self):
        for company in self:
            if not (0 <= company.inbox_ai_start <= 24 and 0 <= company.inbox_ai_end <= 24):
                raise ValidationError(self.env._("The hours of automatic answers lie between 0:00 and 24:00."))
            if not company.inbox_ai_weekdays or set(company.inbox_ai_weekdays) - set("1234567"):
                raise ValidationError(self.env._("Choose at least one day of automatic answers, 1 (Monday) to 7."))

    def _ai_opening(self):
        """Return the hours at which automatic answers may leave."""
        return SendWindow(
            self.inbox_ai_timezone or "UTC",
            clock(self.inbox_ai_start),
            clock(self.inbox_ai_end),
            frozenset(int(day) - 1 for day in self.inbox_ai_weekdays),
            "FR" if self.inbox_ai_holidays else "",
        )

    def action_inbox_ai_stop(self):
        """Kill switch: one row, seen by every sender before the last byte of an answer leaves. What waits is shown as
        stopped immediately; what a sender holds at this moment is stopped by the sender.
        """
        self._check_ai_manager()
        self.sudo().write({"inbox_ai_stopped": True})
        waiting_sudo = (
            self.env["inbox.outgoing"]
            .sudo()
            .search([("company_id", "in", self.ids), ("is_automatic", "=", True), ("state", "=", "scheduled")])
        )
        waiting_sudo._cancel("not_allowed")

    def action_inbox_ai_resume(self):
        self._check_ai_manager()
        self.sudo().write({"inbox_ai_stopped": False})

    def _check_ai_manager(self):
        if not self.env.user.has_group("lokario_inbox.group_lokario_inbox_manager") or self - self.env.user.company_ids:
            raise AccessError(self.env._("Only a manager of the inbox switches AI answers."))
