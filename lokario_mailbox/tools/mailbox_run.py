"""One run over mailboxes' own folders: every mailbox has a worker of its own."""

import time
from functools import partial

from odoo.fields import Domain

from .dispatcher import MailboxTask, Worker
from .worker_run import WorkerRun

LONGEST_VISIT = 30  # seconds after which a visit begins no further record


class MailboxRun(WorkerRun):
    """Visits the mailboxes whose records are due.

    model: has `integration_id`, and two methods for records of one mailbox: `_visit(in_time)` returns act(box, ask)
    for the thread, which stops once `in_time()` is false; `_visit_failed(error)` notes that the mailbox could not be
    asked, or broke off. domain: which records are due.
    """

    owner = "integration_id"

    def __init__(self, model, domain, order="id"):
        super().__init__(model)
        self._domain, self.order = domain, order
        self._visited, self._broken = {}, set()

    def _due_domain(self):
        return self._domain & Domain("integration_id", "not in", list(self._broken))

    def _worker(self, integration, records):
        self._visited[integration.id] = records
        act = records._visit(partial(_is_before, time.monotonic() + LONGEST_VISIT))
        task = MailboxTask(integration.id, integration._mailbox_opener__(), act)
        return Worker(None, [task.key], lambda _key: task, lambda _left: self._at_work.discard(integration.id))

    def _record(self, integration_id, outcome):
        records = self._visited.pop(integration_id)
        if outcome is not None:
            self._broken.add(integration_id)
            records._visit_failed(str(outcome))
        self._progress(len(records))


def _is_before(moment):
    return time.monotonic() < moment
