from odoo import api, fields, models
from odoo.exceptions import ValidationError


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    followup_enabled = fields.Boolean(related="company_id.followup_enabled", readonly=False)
    followup_auto_default = fields.Boolean(related="company_id.followup_auto_default", readonly=False)
    followup_approved_at = fields.Datetime(related="company_id.followup_approved_at")
    followup_paused_until = fields.Date(related="company_id.followup_paused_until", readonly=False)
    followup_opens = fields.Float(related="company_id.followup_opens", readonly=False)
    followup_closes = fields.Float(related="company_id.followup_closes", readonly=False)
    followup_days = fields.Selection(related="company_id.followup_days", readonly=False, required=True)
    followup_holidays = fields.Boolean(related="company_id.followup_holidays", readonly=False)
    followup_minimum_amount = fields.Monetary(
        related="company_id.followup_minimum_amount", readonly=False, currency_field="company_currency_id"
    )
    followup_tolerance = fields.Monetary(
        related="company_id.followup_tolerance", readonly=False, currency_field="company_currency_id"
    )
    followup_unsent = fields.Boolean(related="company_id.followup_unsent", readonly=False)
    followup_transfer_days = fields.Integer(related="company_id.followup_transfer_days", readonly=False)
    followup_promises = fields.Integer(related="company_id.followup_promises", readonly=False)
    followup_hold_credit = fields.Boolean(related="company_id.followup_hold_credit", readonly=False)
    followup_bank_max_age = fields.Integer(related="company_id.followup_bank_max_age", readonly=False)
    followup_penalty_rate = fields.Float(related="company_id.followup_penalty_rate", readonly=False)
    followup_print_mentions = fields.Boolean(related="company_id.followup_print_mentions", readonly=False)
    business_mail_sender = fields.Char(compute="_compute_business_mail", string="Business mail leaves as")
    business_mail_has_mailbox = fields.Boolean(compute="_compute_business_mail")
    company_currency_id = fields.Many2one(related="company_id.currency_id", string="Company currency")
    due_critical_hours = fields.Integer(
        string="Critical tasks: hours before the deadline",
        config_parameter="lokario_billing.critical_hours",
        default=48,
    )
    due_appointment_hours = fields.Char(
        string="Appointments: hours before",
        config_parameter="lokario_billing.appointment_hours",
        default="24,1",
        help="Whole hours, separated by commas; the reminder of Odoo itself on the same event is not doubled.",
    )

    @api.depends("company_id")
    def _compute_business_mail(self):
        for settings in self:
            route = self.env["mail.mail"]._route_of(settings.company_id)
            settings.business_mail_sender = route.address
            settings.business_mail_has_mailbox = route.kind == "mailbox"

    @api.constrains("due_critical_hours", "due_appointment_hours")
    def _check_due_hours(self):
        for settings in self:
            parts = [part.strip() for part in (settings.due_appointment_hours or "").split(",")]
            if settings.due_critical_hours < 1 or not all(part.isdigit() and int(part) for part in parts):
                raise ValidationError(self.env._("Write whole hours, such as 24,1 for a day and an hour before."))
