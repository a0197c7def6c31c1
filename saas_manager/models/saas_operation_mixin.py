import time
from contextlib import contextmanager

from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.lokario_base.tools.transaction import lease
from odoo.addons.queue_job.exception import RetryableJobError

from ..const import OPERATIONS, RESUME_AFTER
from ..exceptions import TECHNICAL, Busy, OwnershipError

LEASE = 120  # seconds without a sign of life until a worker that hangs loses its record to another
LEASE_WAIT = 10  # seconds; a provisioning takes two
LEASE_PAUSE = 0.1  # seconds between two tries


class SaasOperationMixin(models.AbstractModel):
    """Work on what lies outside of this database: written down first, done by one worker, finished after a crash.

    A request writes the operation down together with a job that finishes it, then does it itself. It has ``uuid``,
    `_set_guarded`, `_notify_progress`, `_check_operation`, `_finish_operation`, `_problem_text` and one method
    ``_<operation>`` for each, which does what is left when it is called again.
    """

    _name = "saas.operation.mixin"
    _inherit = ["saas.transaction.mixin"]
    _description = "Operation that Survives a Crash"

    operation = fields.Selection(
        OPERATIONS,
        "Under Way",
        readonly=True,
        copy=False,
        help="What has been begun; it is finished even after a crash.",
    )
    operation_reason = fields.Char(readonly=True, copy=False)

    def _request(self, code, reason=None, **vals):
        """Write down what is to be done, with the job that finishes it after a crash, then do it."""
        self.check_access("write")
        with self._own_transaction() as own:
            own._check_operation(code)
            own._set_guarded(operation=code, operation_reason=reason or False, **vals)
            own._queue_resumption()
        try:
            self._carry_out()
        except TECHNICAL as err:
            raise UserError(self._problem_text(err)) from err

    def _queue_resumption(self):
        self.with_delay(
            channel="root.provision",
            eta=RESUME_AFTER,
            identity_key=f"{self._name}:{self.operation}:{self.uuid}",
            description=f"Finish {self.operation} of {self.database_name}, if it was interrupted",
        )._job_resume()

    def _job_resume(self):
        """Finish what a request began that was killed, or failed because something did not answer."""
        self.ensure_one()
        try:
            self._carry_out()
        except TECHNICAL as err:
            raise RetryableJobError(f"{type(err).__name__}: {err}", seconds=RESUME_AFTER) from err

    def _carry_out(self):
        """Do what is under way, alone; done again after an interruption it does what is left."""
        with self._alone() as worker:
            if not worker:
                raise Busy(self.name)
            code = self._committed(lambda own: own.exists() and own.operation)
            if not code:
                return
            try:
                with self._step(code):
                    getattr(self, f"_{code}")()
            except OwnershipError:
                self._end_operation()  # another manager's: asking again changes nothing
                raise
            worker.renew()
            self._finish_operation(code)
            self._end_operation()

    def _end_operation(self):
        with self._own_transaction() as own:
            own._set_guarded(operation=False, operation_reason=False)
            own._notify_progress()

    @contextmanager
    def _alone(self):
        """A lease of this record; None when, after some waiting, another worker still has it."""
        deadline = time.monotonic() + LEASE_WAIT
        while True:
            with lease(self.env, f"{self._name}:{self.uuid}", LEASE) as worker:
                if worker or time.monotonic() > deadline:
                    yield worker
                    return
            time.sleep(LEASE_PAUSE)

    def _committed(self, question):
        """Answer ``question`` from what others see; a job's own transaction still shows its beginning."""
        with self._own_transaction() as own:
            return question(own)

    @contextmanager
    def _operation(self, code):
        """Journal the block as step ``code``, alone; a technical failure becomes a sentence."""
        try:
            with self._alone() as worker:
                if not worker:
                    raise Busy(self.name)
                with self._step(code):
                    yield
        except TECHNICAL as err:
            raise UserError(self._problem_text(err)) from err
