import logging
import secrets
import time
from contextlib import suppress
from functools import partial
from itertools import islice

import psycopg2
from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..tools.dispatcher import MAX_WORKERS, Dispatcher, SendCancelled, Worker
from ..tools.steps import may_commit, rollback, run_step
from ..tools.worker_locks import MAILBOX

_logger = logging.getLogger(__name__)

BATCH = 20  # mails of one mailbox that are taken up, and whose sources are notified, together
LONGEST_RUN = 60  # seconds in which a run begins further mails
RUN = 1000  # mails a run begins
TAKEN_OVER = "taken over"  # a mail that another worker has now: nothing is to be recorded


class MailboxDispatcher(models.AbstractModel):
    """Sends what is due: one worker a mailbox, all at the same time, on as many hosts as run it.

    A host works for the mailboxes whose advisory lock its own session holds: when the session ends, the work and the
    lock end together. Claim, hand-over and outcome are short transactions, shared by the mails that are there at the
    same moment. Each claim carries the token of the run, so a worker that was paused and awakes records nothing.
    """

    _name = "mailbox.dispatcher"
    _description = "Dispatcher of Outgoing Messages"

    @api.model
    def _run(self, mails=None):
        """Send what is due, or these mails only (mailbox.outgoing)."""
        run = _Run(self.env, mails)
        try:
            Dispatcher(run.permit, run.record).serve(run.further)
        except BaseException:
            rollback(self.env)
            raise
        finally:
            run.end()


class _Run:
    def __init__(self, env, mails):
        self.env, self.outbox = env, env["mailbox.outgoing"].sudo()
        self.token = secrets.token_hex(8)
        self.only = Domain("id", "in", mails.ids) if mails is not None else Domain.TRUE
        self.began_at = time.monotonic()
        self.begun, self.at_work = set(), set()  # ids of mails, of mailboxes
        self.ready = {}  # mail id -> its task, made ready together with others
        self.conditional, self.unnotified = set(), set()

    # === WHICH MAILBOXES === #

    def further(self, busy):
        """Return workers for mailboxes that have something to do and that no other worker has; None at the end."""
        if len(self.begun) >= RUN or time.monotonic() - self.began_at > LONGEST_RUN:
            return () if busy else self._leave()
        work = self.outbox._due_domain() | Domain("state", "=", "sending") | Domain("is_notified", "=", False)
        found = self._untouched(work).grouped("integration_id")
        free = islice((box for box in found if box.id not in self.at_work), MAX_WORKERS - busy)
        workers = [self._worker(box, found[box]) for box in free if self._lock(box)]
        self._progress(remaining=sum(len(worker.waiting) for worker in workers) + busy)
        return workers if workers or busy else self._leave()

    def _untouched(self, domain):
        fresh = domain & self.only & Domain("id", "not in", list(self.begun))
        return self.outbox.search(fresh, order="send_at, id", limit=RUN)

    def _worker(self, mailbox, mails):
        self.at_work.add(mailbox.id)
        self.begun.update(mails.ids)
        worker = Worker(
            mailbox._session_opener__(),
            mails.ids,
            lambda mail_id: self._task(worker, mail_id),
            lambda left: self._close(mailbox.id, left),
        )
        return worker

    def _close(self, mailbox_id, left):
        """What was made ready behind a mailbox that broke down was never handed over."""
        self._step(left, self._put_back)
        self._notify()
        self._call("pg_advisory_unlock", mailbox_id)
        self.at_work.discard(mailbox_id)

    def _put_back(self, ids):
        for mail in self._mine(ids, "sending"):
            mail._set_queued(attempts=mail.attempts - 1, is_notified=True)

    def _leave(self):
        """Another run takes what is left."""
        if self.only == Domain.TRUE and self._untouched(self.outbox._due_domain()):
            self.outbox._wake_sender(fields.Datetime.now())
        self._progress()

    def end(self):
        """The session goes back to the pool without locks; one that has ended took them along."""
        with suppress(psycopg2.Error):
            self.env.cr.execute("SELECT pg_advisory_unlock_all()", log_exceptions=False)

    def _lock(self, mailbox):
        return self._call("pg_try_advisory_lock", mailbox.id)

    def _call(self, function, mailbox_id):
        return self.env.execute_query(SQL(f"SELECT {function}(%s, %s)", MAILBOX, mailbox_id))[0][0]

    # === READY TO LEAVE === #

    def _task(self, worker, mail_id):
        """Return what is to be done for this mail, made ready together with those behind it."""
        if mail_id not in self.ready:
            ids = [mail_id, *islice(worker.waiting, BATCH - 1)]
            self.ready |= dict.fromkeys(ids)
            self._step(ids, self._claim)
        return self.ready.pop(mail_id)

    def _claim(self, ids):
        """Lock, look and write down that these are being sent; what must not leave gets no task."""
        mails = self.outbox.browse(ids).try_lock_for_update()
        mails.filtered(lambda mail: mail.state == "sending")._recover()
        due = mails.filtered_domain(self.outbox._due_domain())
        unclear = due.filtered(lambda mail: mail.state == "verifying")
        leaving = self._may_leave(due - unclear)
        tasks = {mail.id: mail._check() for mail in unclear}
        leaving._set_sending(self.token)
        self.ready |= tasks | leaving._messages()
        self.conditional.update(leaving.filtered("is_conditional").ids)
        self.unnotified.update(mails.filtered(lambda mail: not mail.is_notified).ids)

    def _may_leave(self, mails):
        reasons = mails._reasons_to_stay()
        for mail in mails.filtered(lambda mail: mail.id in reasons):
            mail._stop(reasons[mail.id])
        return mails.filtered(lambda mail: mail.id not in reasons)._within_allowance()

    # === SENDING === #

    def permit(self, ids):
        """The last moment to stay; from here on these may be delivered. Returns {id: why not}."""
        refused = {}
        self._step(ids, lambda some: refused.update(self._permit(some)), refused)
        return refused

    def _permit(self, ids):
        conditional = self.outbox.browse(mail_id for mail_id in ids if mail_id in self.conditional)
        reasons = conditional._reasons_to_stay()
        leaving = [mail_id for mail_id in ids if mail_id not in reasons]
        left = self.outbox._hand_over(self.token, leaving)
        return reasons | {mail_id: SendCancelled(TAKEN_OVER) for mail_id in leaving if mail_id not in left}

    def record(self, outcomes):
        """Write down what the threads report; what cannot be written is found by the next run, as after a crash."""
        known = [mail_id for mail_id, outcome in outcomes.items() if getattr(outcome, "cause", "") != TAKEN_OVER]
        self._step(known, lambda ids: self._record(ids, outcomes))
        self.unnotified.update(known)
        if len(self.unnotified) >= BATCH:
            self._notify()
        self._progress(len(outcomes))

    def _progress(self, processed=0, **remaining):
        if may_commit(self.env):
            self.env["ir.cron"]._commit_progress(processed, **remaining)

    def _record(self, ids, outcomes):
        for mail in self._mine(ids, "sending", "verifying"):
            mail._take_outcome(outcomes[mail.id])

    def _mine(self, ids, *states):
        """Return those of the mails that no other worker has taken up since."""
        mine = Domain("holder", "=", self.token) | Domain("state", "=", "verifying")
        return self.outbox.search(Domain("id", "in", list(ids)) & Domain("state", "in", states) & mine)

    def _notify(self):
        ids, self.unnotified = list(self.unnotified), set()
        self._step(ids, lambda some: self.outbox.browse(some).exists()._notify_sources())

    def _step(self, ids, act, errors=None):
        """Call `act(ids)` in a transaction of its own; when that fails, for each alone: one bad mail stops no other."""
        if not ids:
            return
        try:
            run_step(self.env, partial(act, ids))
        except Exception as error:
            if len(ids) > 1:
                for mail_id in ids:
                    self._step([mail_id], act, errors)
                return
            _logger.exception("Outgoing message %s", ids[0])
            if errors is not None:
                errors[ids[0]] = error
