import base64
import logging
from datetime import timedelta
from functools import partial

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..tools import smtp_client, smtp_retry
from ..tools.lanes import Desk, Errand, Letter, Withheld
from ..tools.mime_builder import BadAddress
from ..tools.sent_mailbox import MailboxUnavailable
from . import worker_locks
from .cron_alarm import trigger_on_time
from .outbox_run import OutboxRun
from .steps import run_step

_logger = logging.getLogger(__name__)

TAKEN_OVER = "taken over"  # a mail that another worker has now: nothing is to be recorded
INTEND = """
    UPDATE inbox_outgoing SET handed_over_at = %s
     WHERE id = %s AND state = 'sending' AND attempts = %s AND handed_over_at IS NULL RETURNING id
"""
LOOK_EVERY = 20  # seconds between two looks for evidence, at first
MIN_LOOKS = 2  # absence must be seen twice
UNCERTAIN_AFTER = timedelta(hours=24)  # a mailbox that cannot be asked for so long leaves the mail uncertain


class InboxOutgoing(models.Model):
    """How a mail leaves: claim, hand over, record, each in its own short transaction; crashes settled by evidence.

    Every mailbox has a lane of its own: threads that only see scalars. What stands here runs in the cron's thread.
    """

    _inherit = "inbox.outgoing"

    @api.model
    def _cron_send(self):
        """Recover what a dead worker left, verify what is unclear, send what is due."""
        self._cancel_answered()
        with worker_locks.WorkerLocks(self.env, worker_locks.MAILBOX) as locks:
            run = OutboxRun(self, locks)
            Desk(partial(self._hand_over, run.attempts), self._record).serve(run.further)

    @api.model
    def _cancel_answered(self):
        """What a person scheduled is cancelled as soon as the customer writes, not only when it would leave."""
        domain = [("state", "=", "scheduled"), ("is_scheduled", "=", True), ("cancel_on_answer", "=", True)]
        for mail in self.search(domain).filtered(lambda mail: mail._was_answered()):
            run_step(self.env, partial(mail._cancel_if_held, "answered"))

    def _cancel_if_held(self, cause):
        self.try_lock_for_update().filtered(lambda mail: mail.state == "scheduled")._set_cancelled(cause)

    @api.model
    def _due_domain(self):
        """What can go on now."""
        now = fields.Datetime.now()
        free = Domain("integration_id.sending_hold_until", "=", False) | Domain(
            "integration_id.sending_hold_until", "<=", now
        )
        waiting = Domain("state", "=", "scheduled") & free & Domain("integration_id.active", "=", True)
        return (waiting | Domain("state", "=", "unsettled")) & Domain("send_at", "<=", now)

    def _wake_sender(self, *, at_once=False):
        """Have the sender run when this mail is due, or now."""
        cron = self.env.ref("lokario_inbox.ir_cron_send_outgoing").sudo()
        trigger_on_time(cron, fields.Datetime.now() if at_once else self.send_at)

    def _commit(self):
        """End a step: what follows may be interrupted for ever."""
        self.env.cr.commit()  # pylint: disable=invalid-commit  # intent, act and record are separate transactions

    # === SENDING === #

    def _prepare_piece(self):
        """Return the Letter or Errand that is this mail's next step, None when nothing is to be done after all.

        The worker holds the mailbox: a mail that is "sending" belongs to one that died.
        """
        try:
            return run_step(self.env, self._next_piece)
        except Exception:
            _logger.exception("Outgoing mail %s", self.id)
            return None

    def _next_piece(self):
        if self.state == "sending":
            self._recover()
        if not self.filtered_domain(self._due_domain()):
            return None  # changed meanwhile
        if self.state == "unsettled":
            return self._search_for_evidence()
        return self._letter() if self._claim() else None

    def _recover(self):
        """A mail in the hands of a worker that died: one that had not begun to leave goes back to the queue."""
        if self.handed_over_at:
            self._set_unsettled(self.env._("The sending was interrupted."))
        else:
            self._set_scheduled(fields.Datetime.now())
        self._commit()

    def _claim(self):
        """Fix the bytes of the mail and say that it is being sent. Returns whether it may leave."""
        if not self.try_lock_for_update():
            return False
        if cause := self._reason_to_stay():
            self._set_cancelled(cause)
            return False
        if moment := self._later_moment():
            self.send_at = moment
            self._wake_sender()
            return False
        try:
            if not self.raw:
                self._fix_bytes()
            self._set_sending()
        except (BadAddress, UserError) as err:
            self.env.cr.rollback()
            self._set_failed("address" if isinstance(err, BadAddress) else "policy", str(err))
            return False
        return True

    def _reason_to_stay(self):
        """Return the cause that cancels this mail at the last moment, or False. Extended by automatic answers."""
        if self.is_scheduled and self.cancel_on_answer and self._was_answered():
            return "answered"
        return False

    def _later_moment(self):
        """Hook: the moment before which this mail may not leave although it is due, or None."""
        return

    def _was_answered(self):
        """Whether the customer wrote in the conversation after this mail was finished."""
        if not self.conversation_id or not self.written_at:
            return False
        return self._last_received_id() > self.seen_message_id

    def _last_received_id(self):
        """Return the id of the newest mail that came in, 0 without one. Ids grow with storing, dates may not."""
        domain = [("conversation_id", "=", self.conversation_id.id), ("direction", "=", "in")]
        return self.env["inbox.message"].sudo().search(domain, order="id desc", limit=1).id or 0

    def _letter(self):
        recipients = tuple(self.raw_recipients.splitlines())
        hidden = self.integration_id._hidden_copy_address(recipients)
        return Letter(
            self.id,
            self.integration_id._sender_addresses()[0],
            recipients,
            self._raw_bytes(),
            (hidden,) if hidden else (),
        )

    def _search_for_evidence(self):
        message_id = self.message_id_header
        return Errand(self.id, self.integration_id._mailbox_opener__(), lambda box, _ask: box.evidence(message_id))

    def _raw_bytes(self):
        return base64.b64decode(self.with_context(bin_size=False).raw)

    @api.model
    def _hand_over(self, attempts, mail_id):
        """The last moment to stay, seen with fresh eyes; from here on the mail may be delivered."""
        run_step(self.env, partial(self.browse(mail_id)._mark_handed_over, attempts[mail_id]))

    def _mark_handed_over(self, attempt):
        """Write the intent, unless another worker took the mail over while this one was paused."""
        if cause := self._reason_to_stay():
            raise Withheld(cause)
        self.flush_recordset()
        self.env.cr.execute(INTEND, [fields.Datetime.now(), self.id, attempt], log_exceptions=False)
        if not self.env.cr.fetchone():
            raise Withheld(TAKEN_OVER)
        self.invalidate_recordset(["handed_over_at"])

    # === WHAT CAME OF IT === #

    @api.model
    def _record(self, mail_id, outcome):
        """Write down what a lane reports; what cannot be written is found by the next run, as after a crash."""
        try:
            run_step(self.env, partial(self.browse(mail_id)._take_outcome, outcome))
            self.env["ir.cron"]._commit_progress(1)
        except Exception:
            self.env.cr.rollback()
            _logger.exception("Outgoing mail %s", mail_id)

    def _take_outcome(self, outcome):
        if isinstance(outcome, smtp_client.Accepted):
            hidden = self.integration_id._hidden_copy_address(self.raw_recipients.splitlines())
            self._set_sent(outcome.text, "smtp")
            self.integration_id._release_hold()
            self._queue_sent_copy(bool(hidden) and hidden not in outcome.skipped)
        elif isinstance(outcome, smtp_client.SubmissionFailed):
            self._after_failure(outcome)
        elif isinstance(outcome, Withheld):
            if outcome.cause != TAKEN_OVER:
                self._set_cancelled(outcome.cause)
        elif isinstance(outcome, MailboxUnavailable):
            self._look_later(str(outcome), reachable=False)
        elif outcome == "present":
            self._set_sent(self.env._("Found in the mailbox after an interrupted sending."), "mailbox")
            self._queue_sent_copy(bool(self.integration_id._hidden_copy_address(self.raw_recipients.splitlines())))
        else:
            self._after_absence()

    def _queue_sent_copy(self, hidden_copy):
        self.integration_id._queue_sent_copy(self.message_id_header, self._raw_bytes(), hidden_copy=hidden_copy)

    def _after_failure(self, err):
        verdict = smtp_retry.classify(err.code, err.text, err.stage, self.attempts)
        answer = f"{err.code} {err.text}" if err.code else err.text
        now = fields.Datetime.now()
        if verdict.action == smtp_retry.SETTLE:
            self._set_unsettled(answer)
        elif verdict.action == smtp_retry.REFUSED:
            detail = f"{', '.join(err.refused)}: {answer}" if err.refused else answer
            self._set_failed(verdict.cause, detail)
        elif verdict.action == smtp_retry.HOLD or verdict.cause == "network":
            self._set_scheduled(now, answer=answer)  # the hold of the mailbox keeps it back
            self.integration_id._hold(verdict, answer)
        else:
            wait = timedelta(seconds=smtp_retry.with_jitter(verdict.wait))
            self._set_scheduled(now + wait, answer=answer)

    def _after_absence(self):
        """The mailbox does not show the mail: send it again only when that proves that it did not leave."""
        integration = self.integration_id
        waited = (fields.Datetime.now() - self.handed_over_at).total_seconds() >= integration._evidence_grace()
        if not waited or self.looks + 1 < MIN_LOOKS:
            self._look_later("", reachable=True)
        elif not integration._evidence_is_proven():
            self._set_uncertain(self.env._("This mailbox has never shown a sent mail, so its silence proves nothing."))
        else:
            answer = self.env._("Proved by the mailbox: the first attempt was not accepted.")
            self._set_scheduled(fields.Datetime.now(), answer=answer, handed_over_at=False, looks=0)

    def _look_later(self, error, *, reachable):
        if not reachable and fields.Datetime.now() - self.handed_over_at > UNCERTAIN_AFTER:
            self._set_uncertain(error)
            return
        seconds = min(LOOK_EVERY * 2**self.looks, 1800)
        seconds = min(seconds, max(1, self.integration_id._evidence_grace() // 2))
        self.write(
            {
                "looks": self.looks + bool(reachable),
                "send_at": fields.Datetime.now() + timedelta(seconds=seconds),
            }
        )
        self._wake_sender()
