from odoo import fields, models


class SaasReminderPreview(models.TransientModel):
    """What one rule would do today for one instance; nothing is sent."""

    _name = "saas.reminder.preview"
    _inherit = ["lokario.access.mixin"]
    _description = "What Reminders Would Leave Today"
    _rec_name = "verdict"

    reminder_id = fields.Many2one("saas.reminder", readonly=True, ondelete="cascade")
    instance_id = fields.Many2one("saas.instance", readonly=True, ondelete="cascade")
    leaves = fields.Boolean("Would Leave", readonly=True)
    verdict = fields.Char(readonly=True)
