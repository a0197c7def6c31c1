"""One run of a cron in lanes: whoever is slow delays only himself."""

import time

from odoo.fields import Domain

from .dispatcher import Dispatcher

LONGEST_RUN = 60  # seconds in which a run begins further lanes


class LaneRun:
    """Works through the records that are due, those of one owner in one lane at a time, until none is.

    A child says `owner` (the field by which records share a lane), `_due_domain()`, `_lane(owner, records)` and
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
        """Return the lanes of owners who have something due; None when all is done."""
        elsewhere = Domain(self.owner, "not in", list(self._at_work))
        due = self._model.search(self._due_domain() & elsewhere, order=self.order, limit=self.batch)
        self._progress(remaining=len(due) + busy)
        if time.monotonic() - self._begun_at > LONGEST_RUN:
            due = self._model
        grouped = due.grouped(self.owner)
        self._at_work.update(owner.id for owner in grouped)
        lanes = [self._lane(owner, records) for owner, records in grouped.items()]
        return lanes if lanes or busy else None

    def _progress(self, processed=0, **remaining):
        self._model.env["ir.cron"]._commit_progress(processed, **remaining)
