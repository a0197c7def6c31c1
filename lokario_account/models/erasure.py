import logging

import psycopg2.errors
from odoo import api, models
from odoo.tools import mute_logger

from odoo.addons.lokario_base.tools.deletion import DeletionStep
from odoo.addons.lokario_base.tools.transaction import transaction

from ..tools import reference_indexes
from .account_deletion import SEARCH

_logger = logging.getLogger(__name__)

MANY = 5  # accounts in one night: then indexes pay
STEP_ATTEMPTS = 3  # of a step that meets a concurrent change


class Erasure(models.AbstractModel):
    """Carries out deletions that are due: the plan's steps, each in its own transaction with its checkpoints.

    The steps up to the search run for a group of accounts at a time, then one search of the database for all of them,
    then the rest, again for groups.
    """

    _name = "lokario.erasure"
    _description = "Erasure of an Account"

    @api.model
    def _erase(self, deletions):
        """Do the steps before the search that no checkpoint remembers."""
        for deletion in deletions.filtered(lambda deletion: deletion.state == "scheduled"):
            self._begin(deletion)
        self.env["ir.cron"]._commit_progress()
        steps = [step for step in self.env["lokario.deletion.plan"]._steps() if step.sequence < SEARCH]
        self._run_steps(deletions.filtered(lambda deletion: deletion.state == "erasing"), steps)

    @api.model
    def _begin(self, deletion):
        """Carry out what was chosen, unless something stands in the way by now."""
        plan = self.env["lokario.deletion.plan"]
        deletion.partner_id = deletion.user_id.partner_id or deletion.partner_id  # the account's contact as it is now
        undecided = self.env["lokario.account.belonging"]._update(deletion, {})
        if obstacles := [*plan._obstacles(deletion.user_id), *undecided]:
            deletion._ask_about_obstacles(obstacles)
            return
        deletion._set_erasing(plan._legal_holds(deletion))
        deletion.belonging_ids._carry_out()

    @api.model
    def _search_database(self, deletions):
        """Search once for all accounts whose steps before are done; after a failure each is searched for alone."""
        ready = deletions.exists()._ready().filtered(lambda deletion: deletion.identifiers and not deletion.searched_at)
        if not ready:
            return
        try:
            self.env["lokario.erasure.search"]._look_for(ready)
        except Exception:
            self.env.cr.rollback()
            _logger.exception("the search for %s accounts stopped; each is searched for alone", len(ready))
        self.env["ir.cron"]._commit_progress()

    @api.model
    def _finish(self, deletions):
        """Do the remaining steps, unless a person has to decide about what was found, and seal the certificates."""
        steps = self.env["lokario.deletion.plan"]._steps()
        ready = deletions._ready()
        for deletion in ready.filtered("user_id"):
            deletion._bury()
        self._run_steps(ready, [step for step in steps if step.sequence <= SEARCH])
        undecided = ready.filtered(lambda deletion: "open" in deletion.residue_ids.mapped("outcome"))
        for deletion in undecided:
            deletion._ask_about_residues()
        self._run_steps(ready - undecided, steps)
        for deletion in ready - undecided:
            deletion._set_done()

    @api.model
    def _release(self, deletions):
        """Finish what the law kept until now."""
        self._run_steps(deletions, self.env["lokario.deletion.plan"]._release_steps())
        for deletion in deletions:
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
    def _run_steps(self, deletions, steps: list[DeletionStep]):
        for step in sorted(steps, key=lambda step: (step.sequence, step.name)):
            while left := deletions._unfinished(step):
                left.lock_for_update()
                self._run_step_with_retries(left, step)
                self.env["ir.cron"]._commit_progress()

    @api.model
    def _run_step_with_retries(self, deletions, step: DeletionStep):
        for attempt in range(1, STEP_ATTEMPTS + 1):
            try:
                outcomes = self.env["lokario.deletion.plan"]._run_step(step, deletions)
                self.env["lokario.account.deletion.checkpoint"]._record(step, outcomes)
                self.env.flush_all()
                return
            except (psycopg2.errors.SerializationFailure, psycopg2.errors.DeadlockDetected):
                self.env.cr.rollback()
                if attempt == STEP_ATTEMPTS:
                    raise
