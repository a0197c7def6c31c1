from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools import single_flight
from .scheduled_run import STATES

GRACE = timedelta(minutes=10)  # on top of one interval, before a job counts as late
MINUTES = {"minutes": 1, "hours": 60, "days": 1440, "weeks": 10_080, "months": 43_200}
INTERVALS = [
    ("1 minutes", "Every minute"),
    ("5 minutes", "Every 5 minutes"),
    ("15 minutes", "Every 15 minutes"),
    ("30 minutes", "Every 30 minutes"),
    ("1 hours", "Every hour"),
    ("2 hours", "Every 2 hours"),
    ("1 days", "Every night at 2:00"),
]
CRONTAB = {
    "1 minutes": "* * * * *",
    "5 minutes": "*/5 * * * *",
    "15 minutes": "*/15 * * * *",
    "30 minutes": "*/30 * * * *",
    "1 hours": "0 * * * *",
    "2 hours": "0 */2 * * *",
    "1 days": "0 2 * * *",
}


class IrCron(models.Model):
    """What the settings page shows and changes of the jobs that have an endpoint."""

    _inherit = "ir.cron"

    endpoint_interval = fields.Selection(
        INTERVALS, "Interval", compute="_compute_endpoint_interval", inverse="_inverse_endpoint_interval"
    )
    endpoint_url = fields.Char("URL", compute="_compute_endpoint_url")
    endpoint_crontab = fields.Char("Cron Line", compute="_compute_endpoint_url")
    last_run_state = fields.Selection(
        STATES, "Outcome", compute="_compute_last_run", help="How the last run ended, whoever started it."
    )
    last_run_at = fields.Datetime("Last Run", compute="_compute_last_run")
    last_run_duration = fields.Float("Duration (s)", compute="_compute_last_run", digits=(16, 2))
    is_late = fields.Boolean("Late?", compute="_compute_last_run")

    @api.depends("interval_number", "interval_type")
    def _compute_endpoint_interval(self):
        known = dict(INTERVALS)
        for cron in self:
            interval = f"{cron.interval_number} {cron.interval_type}"
            cron.endpoint_interval = interval if interval in known else False

    def _inverse_endpoint_interval(self):
        for cron in self.filtered("endpoint_interval"):
            allowed = cron._allowed_intervals()
            if cron.endpoint_interval not in allowed:
                labels = dict(self._fields["endpoint_interval"]._description_selection(self.env))
                raise ValidationError(
                    self.env._(
                        "“%(job)s” can run: %(intervals)s.",
                        job=cron.name,
                        intervals=", ".join(labels.get(interval, interval) for interval in allowed),
                    )
                )
            number, unit = cron.endpoint_interval.split()
            soon = fields.Datetime.now() + timedelta(minutes=MINUTES[unit] * int(number))
            nextcall = self._aligned_call(soon, unit) if unit in ("hours", "days") else soon
            cron.write({"interval_number": int(number), "interval_type": unit, "nextcall": nextcall})

    def _allowed_intervals(self) -> list[str]:
        return [interval.strip() for interval in (self.endpoint_intervals or "").split(",") if interval.strip()]

    @api.depends("endpoint_path", "interval_number", "interval_type")
    def _compute_endpoint_url(self):
        for cron in self:
            url = cron.endpoint_path and f"{cron.get_base_url()}{cron.endpoint_path}"
            cron.endpoint_url = url
            schedule = CRONTAB.get(f"{cron.interval_number} {cron.interval_type}")
            cron.endpoint_crontab = (
                url and schedule and f'{schedule} curl -fsS -H "Authorization: Bearer $CRON_SECRET" {url}'
            )

    @api.depends("endpoint_run_ids.state", "endpoint_run_ids.ended_at")
    def _compute_last_run(self):
        now = fields.Datetime.now()
        for cron in self:
            last = cron.endpoint_run_ids[:1]
            killed = last.state == "running" and single_flight.is_free(self.env.cr, cron.id)
            cron.last_run_state = "interrupted" if killed else last.state
            cron.last_run_at = last.started_at
            cron.last_run_duration = last.duration
            good = cron.endpoint_run_ids.filtered(lambda run: run.state in ("done", "partial"))[:1]
            since = good.ended_at or cron.create_date
            period = timedelta(minutes=MINUTES[cron.interval_type] * cron.interval_number)
            cron.is_late = bool(since) and since + period + GRACE < now

    def action_run_now(self):
        """Start the job, or join the run in progress, and say how it ended."""
        self.ensure_one()
        self.check_access("write")
        messages = {
            "done": (self.env._("The run is done."), "success"),
            "running": (self.env._("The run goes on in the background."), "info"),
            "failed": (self.env._("The run failed; the server's log says why."), "danger"),
        }
        message, kind = messages[self._await_endpoint_run()]
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": kind,
                "message": message,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }
