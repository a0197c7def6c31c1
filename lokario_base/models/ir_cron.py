import logging
import threading
import time
from datetime import timedelta

import odoo
import psycopg2.extensions
from odoo import api, fields, models
from odoo.modules.registry import Registry
from odoo.tools import config

from odoo.addons.base.models.ir_cron import CompletionStatus

from ..tools import single_flight
from ..tools.nightly import first_night, next_hour
from ..tools.transaction import first_transaction, session

_logger = logging.getLogger(__name__)

ENDPOINT_WAIT = 25  # seconds an endpoint's caller waits; external schedulers hang up after 30
ENDPOINT_PLACES = 8  # callers who may wait for one run at the same time
ENDPOINT_PAUSE = 0.1  # seconds before asking again for a job that somebody is editing
START_TIMEOUT = 10  # seconds for a run's thread to begin
RUN_STATES = {
    CompletionStatus.FULLY_DONE: "done",
    CompletionStatus.PARTIALLY_DONE: "partial",
    CompletionStatus.FAILED: "failed",
}


class IrCron(models.Model):
    """Scheduled actions that an external scheduler can also start, through an endpoint."""

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
        deadline = time.monotonic() + ENDPOINT_WAIT
        with session(self.env) as cr:
            cr.execute("SELECT clock_timestamp() AT TIME ZONE 'UTC'")
            arrival = cr.fetchone()[0]
            while (left := deadline - time.monotonic()) > 0:
                if single_flight.is_free(cr, self.id):
                    cr.rollback()  # who runs it needs the lock
                    self._prepare_endpoint_run()
                    self._start_endpoint_run__()
                if not single_flight.take_place(cr, self.id, self._endpoint_places()):
                    return "running"
                if not single_flight.wait_for_end(cr, self.id, left):
                    return "running"
                cr.rollback()
                if outcome := self._endpoint_outcome(cr, arrival):
                    return outcome
                cr.rollback()
                time.sleep(ENDPOINT_PAUSE)
        return "running"

    def _prepare_endpoint_run(self) -> None:
        """Hook: somebody asks for a run now, whatever the timetable of what it works on says."""

    def _endpoint_places(self) -> int:
        """How many callers may wait: never all the processes that serve people."""
        workers = config["workers"]
        return min(ENDPOINT_PLACES, max(workers // 2, 1)) if workers else ENDPOINT_PLACES

    def _endpoint_outcome(self, cr, since) -> str | None:
        cr.execute(
            "SELECT state FROM lokario_scheduled_run WHERE cron_id = %s AND ended_at >= %s ORDER BY id LIMIT 1",
            [self.id, since],
        )
        state = (cr.fetchone() or (None,))[0]
        return "running" if state == "partial" else state

    def _start_endpoint_run__(self):
        """Run the job in a thread of its own and return once it runs, here or elsewhere."""
        started = threading.Event()
        arguments = (self.env.cr.dbname, self.id, started)
        if odoo.modules.module.current_test:  # its one cursor cannot be shared with a second thread
            _run_job_until_done(*arguments)
            return
        threading.Thread(target=_run_in_thread, args=arguments, name=f"lokario.job.{self.id}", daemon=True).start()
        started.wait(START_TIMEOUT)


def _run_in_thread(db_name: str, cron_id: int, started: threading.Event):
    threading.current_thread().dbname = db_name
    try:
        _run_job_until_done(db_name, cron_id, started)
    except psycopg2.extensions.TransactionRollbackError:
        _logger.debug("job %s has just been processed elsewhere", cron_id)
    except Exception:
        _logger.exception("job %s could not be run", cron_id)
    finally:
        started.set()


def _run_job_until_done(db_name: str, cron_id: int, started: threading.Event):
    state = "partial"
    while state == "partial":
        registry = Registry(db_name).check_signaling()
        with registry.cursor() as cr:
            job = registry["ir.cron"]._acquire_one_job(cr, cron_id, include_not_ready=True)
            if not job:
                return
            single_flight.hold(cr, cron_id)
            started.set()
            registry["ir.cron"]._process_job(cr, job)
        with first_transaction(registry) as cr:
            cr.execute("SELECT state FROM lokario_scheduled_run WHERE cron_id = %s ORDER BY id DESC LIMIT 1", [cron_id])
            state = (cr.fetchone() or (None,))[0]
