from odoo import fields, models
from odoo.tools.misc import format_date


class SaasInstance(models.Model):
    _inherit = "saas.instance"

    next_reminder = fields.Char(compute="_compute_next_reminder", help="What is sent next, and when.")

    def _compute_next_reminder(self):
        reminders = self.env["saas.reminder"]
        labels = dict(reminders._fields["kind"]._description_selection(self.env))
        for instance in self:
            planned = reminders._next_of(instance)
            instance.next_reminder = planned and f"{labels[planned[0]]} – {format_date(self.env, planned[1])}"
