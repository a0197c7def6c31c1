from odoo import api, fields, models


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
    followup_dispute_days = fields.Integer(related="company_id.followup_dispute_days", readonly=False)
    followup_unsent = fields.Boolean(related="company_id.followup_unsent", readonly=False)
    followup_transfer_days = fields.Integer(related="company_id.followup_transfer_days", readonly=False)
    followup_promises = fields.Integer(related="company_id.followup_promises", readonly=False)
    followup_broken_promises = fields.Integer(related="company_id.followup_broken_promises", readonly=False)
    followup_hold_credit = fields.Boolean(related="company_id.followup_hold_credit", readonly=False)
    followup_bank_max_age = fields.Integer(related="company_id.followup_bank_max_age", readonly=False)
    followup_penalty_rate = fields.Float(related="company_id.followup_penalty_rate", readonly=False)
    followup_print_mentions = fields.Boolean(related="company_id.followup_print_mentions", readonly=False)
    business_mail_sender = fields.Char(compute="_compute_business_mail", string="Business mail leaves as")
    business_mail_has_mailbox = fields.Boolean(compute="_compute_business_mail")
    company_currency_id = fields.Many2one(related="company_id.currency_id", string="Company currency")

    @api.depends("company_id")
    def _compute_business_mail(self):
        for settings in self:
            route = self.env["mail.mail"]._route_of(settings.company_id)
            settings.business_mail_sender = route.address
            settings.business_mail_has_mailbox = route.kind == "mailbox"
