"""One run over mailboxes' own folders: every mailbox in a lane of its own, a slow one delays only itself."""

import time
from functools import partial

from odoo.fields import Domain

from ..tools.smtp_lanes import Desk, Errand, Lane

BATCH = 200  # records of all mailboxes that are looked at together
LONGEST_RUN = 60  # seconds in which a run begins further visits
LONGEST_VISIT = 30  # seconds after which a visit begins no further record


class MailboxRun:
    """Visits the mailboxes whose records are due, until none is.

    model: has `integration_id`, and two methods for records of one mailbox: `_visit(in_time)` returns act(box, ask)
    for the thread, which stops when `in_time()` says so; `_visit_failed(error)` notes that the mailbox could not be
    asked, or broke off. domain: which records are due.
    """

    def __init__(self, model, domain, order="id"):
        self._model, self._domain, self._order = model, domain, order
        self._begun_at = time.monotonic()
        self._at_work, self._broken = {}, set()

    def serve(self):
        Desk(lambda _key: None, self._record).serve(self._further)

    def _further(self, busy):
        """Return the lanes of mailboxes that have something due; None when all is done."""
        elsewhere = self._domain & Domain("integration_id", "not in", [*self._at_work, *self._broken])
        due = self._model.search(elsewhere, order=self._order, limit=BATCH)
        self._model.env["ir.cron"]._commit_progress(remaining=len(due))
        if time.monotonic() - self._begun_at > LONGEST_RUN:
            due = self._model
        lanes = [self._lane(integration, records) for integration, records in due.grouped("integration_id").items()]
        return lanes if lanes or busy else None

    def _lane(self, integration, records):
        self._at_work[integration.id] = records
        act = records._visit(partial(_in_time, time.monotonic() + LONGEST_VISIT))
        return Lane(
            None,
            integration.ids,
            lambda key: Errand(key, integration._mailbox_opener__(), act),
            lambda: self._at_work.pop(integration.id),
        )

    def _record(self, integration_id, outcome):
        records = self._at_work[integration_id]
        if outcome is not None:
            self._broken.add(integration_id)
            records._visit_failed(str(outcome))
        self._model.env["ir.cron"]._commit_progress(len(records))


def _in_time(until):
    return time.monotonic() < until
