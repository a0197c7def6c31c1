from odoo import models


class CalendarEvent(models.Model):
    _name = "calendar.event"
    _inherit = ["calendar.event", "lokario.followup.source", "lokario.access.mixin"]
    _followup_link = "event_id"

    def _followup_defaults(self):
        guests = self.partner_ids.filtered("partner_share")
        return {
            "kind": "appointment",
            "source": "appointment",
            "company_id": self.env.company.id,
            "partner_id": guests[:1].id,
            "name": self.name,
            "due_date": self.start_date or self.env.company._followup_window().local_day(self.start),
        }
