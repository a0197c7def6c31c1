from contextlib import contextmanager

from dateutil.relativedelta import relativedelta
from odoo import api, fields, models

from ..tools.transaction import first_transaction

KEEP = relativedelta(days=30)
STATES = [
    ("running", "Running"),
    ("done", "Done"),
    ("partial", "Partly Done"),
    ("failed", "Failed"),
    ("interrupted", "Interrupted"),
]
GC_LIMIT = 10_000


class ScheduledRun(models.Model):
    """One run of a job that has an endpoint, whoever started it."""

    _name = "lokario.scheduled.run"
    _inherit = ["lokario.access.mixin"]
    _description = "Run of a Scheduled Job"
    _order = "id desc"
    _log_access = False
    _rec_name = "cron_id"

    cron_id = fields.Many2one("ir.cron", "Job", required=True, index=True, ondelete="cascade", readonly=True)
    state = fields.Selection(STATES, "Outcome", required=True, readonly=True)
    started_at = fields.Datetime("Started", required=True, readonly=True)
    ended_at = fields.Datetime("Ended", index=True, readonly=True)
    duration = fields.Float("Duration (s)", compute="_compute_duration", digits=(16, 2))

    @api.depends("started_at", "ended_at")
    def _compute_duration(self):
        for run in self:
            run.duration = run.ended_at and (run.ended_at - run.started_at).total_seconds()

    @classmethod
    @contextmanager
    def _recording(cls, cron_id: int):
        """Record the run of the block in transactions of its own; the block sets ``outcome["state"]``.

        The caller holds the job, so any other run of it that still says "running" was killed.
        """
        outcome = {"state": "failed"}
        with first_transaction(cls.pool) as cr:
            cr.execute(
                "UPDATE lokario_scheduled_run SET state = 'interrupted' WHERE cron_id = %s AND state = 'running'",
                [cron_id],
            )
            cr.execute(
                """INSERT INTO lokario_scheduled_run (cron_id, state, started_at)
                   VALUES (%s, 'running', clock_timestamp() AT TIME ZONE 'UTC') RETURNING id""",
                [cron_id],
            )
            run_id = cr.fetchone()[0]
        try:
            yield outcome
        finally:
            with first_transaction(cls.pool) as cr:
                cr.execute(
                    """UPDATE lokario_scheduled_run SET state = %s, ended_at = clock_timestamp() AT TIME ZONE 'UTC'
                       WHERE id = %s""",
                    [outcome["state"], run_id],
                )

    @api.autovacuum
    def _gc_runs(self):
        old = self.search([("started_at", "<", fields.Datetime.now() - KEEP)], limit=GC_LIMIT)
        old.unlink()
        return len(old), len(old) == GC_LIMIT
