"""One run of a cron with a worker for each owner: who is slow delays no other."""

import time

from odoo.fields import Domain

from .dispatcher import Dispatcher

LONGEST_RUN = 60  # seconds in which a run begins further workers


class WorkerRun:
    """Works through the records that are due, those of one owner by one worker at a time, until none is.

    A child says `owner` (the field by which records share a worker), `_due_domain()`, `_worker(owner, records)` and
    `_record(key, outcome)`, which run in the thread that calls `serve`.
    """

    owner = ""
    order = "id"
    batch = 200  # records that are taken up together

    def __init__(self, model):
        self._model = model
        self._begun_at = time.monotonic()
        self._at_work = set()  # ids of owners

    def serve(self):
        Dispatcher(dict.fromkeys, self._record_all).serve(self._further)

    def _record_all(self, outcomes):
        for key, outcome in outcomes.items():
            self._record(key, outcome)

    def _further(self, busy):
        """Return the workers of owners who have something due; None when all is done."""
        elsewhere = Domain(self.owner, "not in", list(self._at_work))
        due = self._model.search(self._due_domain() & elsewhere, order=self.order, limit=self.batch)
        self._progress(remaining=len(due) + busy)
        if time.monotonic() - self._begun_at > LONGEST_RUN:
            due = self._model
        grouped = due.grouped(self.owner)
        self._at_work.update(owner.id for owner in grouped)
        workers = [self._worker(owner, records) for owner, records in grouped.items()]
        return workers if workers or busy else None

    def _progress(self, processed=0, **remaining):
        self._model.env["ir.cron"]._commit_progress(processed, **remaining)
