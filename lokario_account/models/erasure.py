import logging

import psycopg2.errors
from odoo import api, models

from odoo.addons.lokario_base.tools.deletion import DeletionStep

from .account_deletion import DUE_STATES

_logger = logging.getLogger(__name__)

STEP_ATTEMPTS = 3  # of a step that meets a concurrent change


class Erasure(models.AbstractModel):
    """Carries out a deletion that is due: the plan's steps, each in its own transaction with its checkpoint."""

    _name = "lokario.erasure"
    _description = "Erasure of an Account"

    @api.model
    def _erase(self, deletion):
        """Do the steps that no checkpoint remembers, then seal the certificate."""
        if deletion.state not in DUE_STATES:
            return  # undone since the search
        plan = self.env["lokario.deletion.plan"]
        if deletion.state == "scheduled":
            if obstacles := plan._obstacles(deletion.user_id):
                deletion.error_message = "\n".join(obstacles)
                _logger.info("deletion %s waits: there is an obstacle", deletion.name)
                return
            deletion._set_erasing(plan._legal_holds(deletion))
            self.env["ir.cron"]._commit_progress()
        self._run_steps(deletion, plan._steps())
        deletion._set_done()

    @api.model
    def _release(self, deletion):
        """Finish what the law kept until now."""
        self._run_steps(deletion, self.env["lokario.deletion.plan"]._release_steps())
        deletion._set_released()

    @api.model
    def _run_steps(self, deletion, steps: list[DeletionStep]):
        for step in sorted(steps, key=lambda step: (step.sequence, step.name)):
            while not deletion.checkpoint_ids._is_finished(step):
                deletion.lock_for_update()
                self._run_step_with_retries(deletion, step)
                self.env["ir.cron"]._commit_progress()

    @api.model
    def _run_step_with_retries(self, deletion, step: DeletionStep):
        for attempt in range(1, STEP_ATTEMPTS + 1):
            try:
                outcome = self.env["lokario.deletion.plan"]._run_step(step, deletion)
                deletion.checkpoint_ids._record(deletion, step, outcome)
                self.env.flush_all()
                return
            except (psycopg2.errors.SerializationFailure, psycopg2.errors.DeadlockDetected):
                self.env.cr.rollback()
                if attempt == STEP_ATTEMPTS:
                    raise
