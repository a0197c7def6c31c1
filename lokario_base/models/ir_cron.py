import logging
import threading
import time
from datetime import timedelta

import odoo
import psycopg2.extensions
from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.modules.registry import Registry
from odoo.tools import config

from odoo.addons.base.models.ir_cron import CompletionStatus

from ..tools import single_flight
from ..tools.schedule import CRONTAB, INTERVALS, MINUTES, first_night, next_hour
from ..tools.transaction import first_transaction, session
from .scheduled_run import STATES

_logger = logging.getLogger(__name__)

ENDPOINT_WAIT = 25  # seconds an endpoint's caller waits; external schedulers hang up after 30
ENDPOINT_SLOTS = 8  # callers who may wait for one run at the same time
ENDPOINT_PAUSE = 0.1  # seconds before asking again for a job that a user is editing
START_TIMEOUT = 10  # seconds for a run's thread to begin
GRACE = timedelta(minutes=10)  # on top of one interval, before a job counts as late
RUN_STATES = {
    CompletionStatus.FULLY_DONE: "done",
    CompletionStatus.PARTIALLY_DONE: "partial",
    CompletionStatus.FAILED: "failed",
}


class IrCron(models.Model):
    """Scheduled actions that an external scheduler can also start, through an endpoint, and their page."""

    _inherit = "ir.cron"

    endpoint_path = fields.Char("Endpoint", readonly=True)
    endpoint_done_message = fields.Char("Answer When Done", readonly=True)
    endpoint_running_message = fields.Char("Answer While Running", readonly=True)
    endpoint_failed_message = fields.Char("Answer When Failed", readonly=True)
    endpoint_log_message = fields.Char("Log Line", readonly=True)
    endpoint_intervals = fields.Char(
        "Alternative Intervals", readonly=True, help="As “5 minutes, 1 minutes, 15 minutes”, the recommended one first."
    )
    endpoint_run_ids = fields.One2many("lokario.scheduled.run", "cron_id", "Runs")
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
    last_run_left = fields.Integer(
        "Left", compute="_compute_last_run", help="How much the run that goes on has still to do."
    )
    is_late = fields.Boolean("Late?", compute="_compute_last_run")

    # === EVERY RUN IS ALONE AND RECORDED === #

    @classmethod
    def _process_job(cls, cron_cr, job):
        if job["endpoint_path"]:
            single_flight.hold(cron_cr, job["id"])
        super()._process_job(cron_cr, job)

    @classmethod
    def _run_job(cls, job):
        if not job["endpoint_path"]:
            return super()._run_job(job)
        with cls.pool["lokario.scheduled.run"]._recording(job["id"]) as outcome:
            status = super()._run_job(job)
            outcome["state"] = cls._run_outcome(job, RUN_STATES[status])
        return status

    @classmethod
    def _run_outcome(cls, job, state: str) -> str:
        """Hook: how a run ended; also one that raised nothing may have failed."""
        return state

    @api.model
    def _reschedule_later(self, job):
        """Hourly jobs run on minute 0, daily ones at 02:00 of the main company's time zone."""
        super()._reschedule_later(job)
        if job["endpoint_path"] and job["interval_type"] in ("hours", "days"):
            self.env.cr.execute("SELECT nextcall FROM ir_cron WHERE id = %s", [job["id"]])
            nextcall = self._aligned_call(self.env.cr.fetchone()[0], job["interval_type"])
            self.env.cr.execute("UPDATE ir_cron SET nextcall = %s WHERE id = %s", [nextcall, job["id"]])

    @api.model
    def _aligned_call(self, at, interval_type: str):
        """Return the round time nearest to ``at`` that such a job starts at."""
        if interval_type == "hours":
            return next_hour(at - timedelta(minutes=30))
        zone = self.env.ref("base.main_company").sudo()._lokario_time_zone()
        return first_night(at - timedelta(hours=12), zone)

    @api.model
    def _first_nightly_call(self):
        zone = self.env.ref("base.main_company").sudo()._lokario_time_zone()
        return first_night(fields.Datetime.now(), zone)

    # === THE ENDPOINT === #

    def _await_endpoint_run(self) -> str:
        """Start this job, or join the run in progress, and wait for its end.

        :return: "done", "failed", or "running" when it takes longer or too many callers wait already
        """
        self.ensure_one()
        deadline, slots, arrival = time.monotonic() + ENDPOINT_WAIT, self._endpoint_slots(), None
        with session(self.env) as cr:
            while (left := deadline - time.monotonic()) > 0:
                now, is_free, may_wait = single_flight.look(cr, self.id, slots)
                arrival = arrival or now
                if is_free:
                    cr.rollback()  # who runs it needs the lock
                    self._prepare_endpoint_run()
                    self._start_endpoint_run__()
                    may_wait = single_flight.take_slot(cr, self.id, slots)
                if not may_wait or not single_flight.wait_for_end(cr, self.id, left):
                    return "running"
                cr.rollback()
                if outcome := self._endpoint_outcome(cr, arrival):
                    return outcome
                cr.rollback()
                time.sleep(ENDPOINT_PAUSE)
        return "running"

    def method_direct_trigger(self):
        """Odoo's own button runs a job within the request; one with an endpoint runs beside it, as everywhere else."""
        self.ensure_one()
        return self.action_run_now() if self._runs_beside_requests() else super().method_direct_trigger()

    def _runs_beside_requests(self) -> bool:
        return bool(self.endpoint_path) and not odoo.modules.module.current_test

    def _prepare_endpoint_run(self) -> None:
        """Hook: a caller asks for a run now, whatever the timetable of what it works on says."""

    def _endpoint_slots(self) -> int:
        """How many callers may wait: never all the processes that serve people."""
        workers = config["workers"]
        return min(ENDPOINT_SLOTS, max(workers // 2, 1)) if workers else ENDPOINT_SLOTS

    def _endpoint_outcome(self, cr, since) -> str | None:
        cr.execute(
            "SELECT state FROM lokario_scheduled_run WHERE cron_id = %s AND ended_at >= %s ORDER BY id LIMIT 1",
            [self.id, since],
        )
        state = (cr.fetchone() or (None,))[0]
        return "running" if state == "partial" else state

    def _start_endpoint_run__(self):
        """Run the job in a thread of its own and return once it runs, here or elsewhere; callers share the thread."""
        job = (self.env.cr.dbname, self.id)
        if odoo.modules.module.current_test:  # its one cursor cannot be shared with a second thread
            _run_job_until_done(*job)
            return
        mine = threading.Event()
        started = _starting.setdefault(job, mine)
        if started is mine:
            try:
                threading.Thread(target=_run_in_thread, args=job, name=f"lokario.job.{self.id}", daemon=True).start()
            except RuntimeError:  # no more threads
                _has_started(*job)
                raise
        started.wait(START_TIMEOUT)

    # === THE PAGE OF SCHEDULED JOBS === #

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
            progress_sudo = (
                self.env["ir.cron.progress"].sudo().search([("cron_id", "=", cron.id)], order="id desc", limit=1)
            )
            cron.last_run_left = progress_sudo.remaining if cron.last_run_state in ("running", "partial") else 0
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


_starting: dict[tuple[str, int], threading.Event] = {}
"""The jobs (database, id) that are about to run in a thread of this process."""


def _has_started(*job):
    """Let those go on who wait for the start of a job; it may have failed."""
    if started := _starting.pop(job, None):
        started.set()


def _run_in_thread(db_name: str, cron_id: int):
    threading.current_thread().dbname = db_name
    try:
        _run_job_until_done(db_name, cron_id)
    except psycopg2.extensions.TransactionRollbackError:
        _logger.debug("job %s has just been processed elsewhere", cron_id)
    except Exception:
        _logger.exception("job %s could not be run", cron_id)
    finally:
        _has_started(db_name, cron_id)


def _run_job_until_done(db_name: str, cron_id: int):
    state = "partial"
    while state == "partial":
        registry = Registry(db_name).check_signaling()
        with registry.cursor() as cr:
            job = registry["ir.cron"]._acquire_one_job(cr, cron_id, include_not_ready=True)
            if not job:
                return
            single_flight.hold(cr, cron_id)
            _has_started(db_name, cron_id)
            registry["ir.cron"]._process_job(cr, job)
        with first_transaction(registry) as cr:
            cr.execute("SELECT state FROM lokario_scheduled_run WHERE cron_id = %s ORDER BY id DESC LIMIT 1", [cron_id])
            state = (cr.fetchone() or (None,))[0]
