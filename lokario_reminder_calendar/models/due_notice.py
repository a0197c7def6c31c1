from datetime import timedelta
from itertools import pairwise

from odoo import api, fields, models
from odoo.tools import format_date, format_datetime

from odoo.addons.lokario_base.tools.schedule import MINUTES

from .res_config_settings import APPOINTMENT_HOURS

LATENESS = timedelta(minutes=10)  # of a scheduler
LONGEST_GAP = timedelta(hours=3)  # between two runs; a longer one was an outage, not the schedule
GAPS = 6  # last runs that show how often the check is really started


class DueNotice(models.Model):
    _inherit = "lokario.due.notice"

    kind = fields.Selection(selection_add=[("appointment", "Appointment")], ondelete={"appointment": "cascade"})

    @api.model
    def _facts(self):
        return [*super()._facts(), *self._appointments()]

    @api.model
    def _passing_kinds(self):
        return [*super()._passing_kinds(), "appointment"]

    def _details(self, record):
        """When and where."""
        if self.kind != "appointment":
            return super()._details(record)
        env = record.env
        when = format_date(env, record.start_date) if record.allday else format_datetime(env, record.start)
        return "".join(f" · {detail}" for detail in (when, record.location) if detail)

    @api.model
    def _appointments(self):
        """Each coming appointment at its nearest lead, to the attendees; events with alarms are left alone."""
        now = fields.Datetime.now()
        leads = sorted(self._leads())
        if not leads:
            return
        next_run = now + self._longest_wait()
        reach = {hours: max(now + timedelta(hours=hours), next_run) for hours in leads}
        coming = [("start", ">", now), ("start", "<=", reach[leads[-1]]), ("alarm_ids", "=", False)]
        for event in self.env["calendar.event"].search(coming):
            lead = next(hours for hours in leads if event.start <= reach[hours])
            guests = event.attendee_ids.filtered(lambda attendee: attendee.state != "declined").partner_id
            yield "appointment", event, guests.user_ids, guests.user_ids.browse(), f"{event.start} -{lead}h"

    @api.model
    def _longest_wait(self):
        """Return after what time the next run has surely come: what falls between two runs is notified by the first."""
        cron = self.env.ref("lokario_reminder.ir_cron_check_due")
        planned = timedelta(minutes=MINUTES[cron.interval_type] * cron.interval_number)
        starts = cron.endpoint_run_ids[:GAPS].mapped("started_at")
        gaps = [later - earlier for later, earlier in pairwise(starts) if later - earlier <= LONGEST_GAP]
        return max(planned, *gaps, timedelta()) + LATENESS

    @api.model
    def _leads(self):
        text = self.env["ir.config_parameter"].sudo().get_param(APPOINTMENT_HOURS, "24, 1")
        return [int(part) for part in text.split(",") if part.strip().isdigit()]
