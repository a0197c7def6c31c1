"""One run of the outbox: which mailboxes have something to do, and that nobody else does it."""

import time

from odoo.fields import Domain

from .lanes import Lane

BATCH = 500  # mails a run begins
LONGEST_RUN = 60  # seconds in which a run begins further mails


class OutboxRun:
    """What one run of the cron has begun: every mail once, every mailbox by one lane at a time."""

    def __init__(self, outbox, locks):
        self.outbox, self.locks = outbox, locks
        self.begun_at = time.monotonic()
        self.begun, self.served = set(), set()
        self.attempts = {}  # of each mail: by its number a worker that was paused knows whether it is still his

    def further(self, busy):
        """Return the lanes of mailboxes that have something due; None when all is done."""
        outbox = self.outbox
        if len(self.begun) >= BATCH or time.monotonic() - self.begun_at > LONGEST_RUN:
            return () if busy else self._leave()
        work = outbox._due_domain() | Domain("state", "=", "sending")
        lanes = [
            self._lane(integration, mails)
            for integration, mails in self._untouched(work).grouped("integration_id").items()
            if integration.id not in self.served and self.locks.take(integration.ids)
        ]
        outbox.env["ir.cron"]._commit_progress(remaining=sum(len(lane.waiting) for lane in lanes) + busy)
        return lanes if lanes or busy else self._leave()

    def _untouched(self, domain):
        """What this run has not begun yet, oldest first."""
        fresh = domain & Domain("id", "not in", self.begun)
        return self.outbox.search(fresh, order="send_at, id", limit=BATCH)

    def _lane(self, integration, mails):
        self.served.add(integration.id)
        self.begun.update(mails.ids)

        def closed():
            self.served.discard(integration.id)
            self.locks.release(integration.ids)

        return Lane(integration._session_opener__(), mails.ids, self._prepare, closed)

    def _prepare(self, mail_id):
        mail = self.outbox.browse(mail_id)
        piece = mail._prepare_piece()
        self.attempts[mail_id] = mail.attempts
        return piece

    def _leave(self):
        """Another run takes what is left."""
        if self._untouched(self.outbox._due_domain()):
            self.outbox._wake_sender(at_once=True)
        self.outbox._commit()
