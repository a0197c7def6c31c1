import logging

import psycopg2.errors
from odoo import api, models
from odoo.tools import mute_logger

from odoo.addons.lokario_base.tools.deletion import DeletionStep
from odoo.addons.lokario_base.tools.transaction import transaction

from ..tools import reference_indexes
from .account_deletion import DUE_STATES

_logger = logging.getLogger(__name__)

MANY = 5  # accounts in one night: then indexes pay
STEP_ATTEMPTS = 3  # of a step that meets a concurrent change
SEARCH = 80  # the sequence of the step that settles what the search has found


class Erasure(models.AbstractModel):
    """Carries out a deletion that is due: the plan's steps, each in its own transaction with its checkpoint.

    The steps up to the search run for each account, one search of the database for all of them, then the rest.
    """

    _name = "lokario.erasure"
    _description = "Erasure of an Account"

    @api.model
    def _erase(self, deletion):
        """Do the steps before the search that no checkpoint remembers."""
        if deletion.state not in DUE_STATES:
            return  # undone since the search
        plan = self.env["lokario.deletion.plan"]
        if deletion.state == "scheduled":
            undecided = self.env["lokario.account.belonging"]._update(deletion, {})
            if obstacles := [*plan._obstacles(deletion.user_id), *undecided]:
                deletion._ask_about_obstacles(obstacles)
                return
            deletion._set_erasing(plan._legal_holds(deletion))
            deletion.belonging_ids._carry_out()
            self.env["ir.cron"]._commit_progress()
        self._run_steps(deletion, [step for step in plan._steps() if step.sequence < SEARCH])

    @api.model
    def _search_database(self, deletions):
        """Search once for all accounts whose steps before are done; after a failure each is searched for alone."""
        ready = deletions.exists().filtered(self._is_ready_for_search)
        if not ready:
            return
        try:
            self.env["lokario.erasure.search"]._look_for(ready)
        except Exception:
            self.env.cr.rollback()
            _logger.exception("the search for %s accounts stopped; each is searched for alone", len(ready))
        self.env["ir.cron"]._commit_progress()

    @api.model
    def _is_ready_for_search(self, deletion):
        if deletion.state != "erasing" or deletion.searched_at or not deletion.identifiers:
            return False
        before = [step for step in self.env["lokario.deletion.plan"]._steps() if step.sequence < SEARCH]
        return all(deletion.checkpoint_ids._is_finished(step) for step in before)

    @api.model
    def _finish(self, deletion):
        """Do the remaining steps, unless a person has to decide about what was found, and seal the certificate."""
        steps = self.env["lokario.deletion.plan"]._steps()
        before = [step for step in steps if step.sequence < SEARCH]
        if deletion.state != "erasing" or not all(deletion.checkpoint_ids._is_finished(step) for step in before):
            return
        if deletion.user_id:
            deletion._bury()
        self._run_steps(deletion, [step for step in steps if step.sequence <= SEARCH])
        if deletion.residue_ids.filtered(lambda residue: residue.outcome == "open"):
            deletion._ask_about_residues()
            return
        self._run_steps(deletion, steps)
        deletion._set_done()

    @api.model
    def _release(self, deletion):
        """Finish what the law kept until now."""
        self._run_steps(deletion, self.env["lokario.deletion.plan"]._release_steps())
        deletion._set_released()

    # === INDEXES OF THE NIGHT === #

    @api.model
    def _index_references(self, accounts: int):
        """Let large tables not be read anew for each of many accounts."""
        if accounts >= MANY:
            for table, column in reference_indexes.unindexed(self.env.cr):
                self._change_index(reference_indexes.create, table, column)

    @api.model
    def _drop_indexes(self):
        """Those of a night that was killed go, too."""
        for name in reference_indexes.temporary(self.env.cr):
            self._change_index(reference_indexes.drop, name)

    @api.model
    def _change_index(self, change, *names):
        try:
            with mute_logger("odoo.sql_db"), transaction(self.env) as cr:
                change(cr, *names)
        except psycopg2.errors.LockNotAvailable:
            _logger.info("the index of %s stays as it is: the table is in use", ".".join(names))

    # === STEPS === #

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
