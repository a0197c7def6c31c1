from odoo import api, fields, models
from odoo.exceptions import ValidationError

CRITICAL_HOURS = "lokario_reminder_project.critical_hours"


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    due_critical_hours = fields.Integer(
        string="Critical tasks: hours before the deadline", config_parameter=CRITICAL_HOURS, default=48
    )

    @api.constrains("due_critical_hours")
    def _check_due_critical_hours(self):
        if any(settings.due_critical_hours < 1 for settings in self):
            raise ValidationError(self.env._("Critical tasks: write at least one hour."))
