from odoo import api, fields, models
from odoo.exceptions import ValidationError

APPOINTMENT_HOURS = "lokario_reminder_calendar.appointment_hours"


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    due_appointment_hours = fields.Char(
        string="Appointments: hours before",
        config_parameter=APPOINTMENT_HOURS,
        default="24, 1",
        help="Whole hours, separated by commas; the reminder of Odoo itself on the same event is not doubled.",
    )

    @api.constrains("due_appointment_hours")
    def _check_due_appointment_hours(self):
        for settings in self:
            parts = [part.strip() for part in (settings.due_appointment_hours or "").split(",")]
            if not all(part.isdigit() and int(part) for part in parts):
                raise ValidationError(self.env._("Write whole hours, such as 24, 1 for a day and an hour before."))
