import base64
import logging
from contextlib import contextmanager
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..tools import smtp_client, smtp_retry
from ..tools.mime_builder import BadAddress
from ..tools.sent_mailbox import MailboxUnavailable

_logger = logging.getLogger(__name__)

LOCK_SPACE = 0x1B0C  # first key of the advisory locks that say "a living worker has this mail"
BATCH = 100
LOOK_EVERY = 20  # seconds between two looks for evidence, at first
MIN_LOOKS = 2  # absence must be seen twice
UNCERTAIN_AFTER = timedelta(hours=24)  # a mailbox that cannot be asked for so long leaves the mail uncertain


class _Stopped(Exception):
    """The mail must not leave after all; `cause` is one of inbox_outgoing.CAUSES."""

    def __init__(self, cause):
        super().__init__(cause)
        self.cause = cause


class InboxOutgoing(models.Model):
    """How a mail leaves: claim, hand over, record, each in its own short transaction; crashes settled by evidence."""

    _inherit = "inbox.outgoing"

    @api.model
    def _cron_send(self):
        """Recover what a dead worker left, verify what is unclear, send what is due."""
        self._recover_interrupted()
        domain = self._due_domain()
        due = self.search(domain, limit=BATCH, order="send_at, id")
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=self.search_count(domain))
        for outgoing in due:
            outgoing._process()
            if not commit_progress(1):
                break

    @api.model
    def _due_domain(self):
        now = fields.Datetime.now()
        free = Domain("integration_id.sending_hold_until", "=", False) | Domain(
            "integration_id.sending_hold_until", "<=", now
        )
        waiting = Domain("state", "=", "scheduled") & free & Domain("integration_id.active", "=", True)
        return (waiting | Domain("state", "=", "unsettled")) & Domain("send_at", "<=", now)

    def _process(self):
        """One step of one mail, under its lock; what fails unexpectedly is logged and does not stop the others."""
        with self._held() as held:
            if not held:
                return
            try:
                if not self.filtered_domain(self._due_domain()):
                    return  # changed meanwhile
                if self.state == "unsettled":
                    self._verify()
                elif self._claim():
                    self._transmit()
            except Exception:
                self.env.cr.rollback()
                _logger.exception("Outgoing mail %s", self.id)

    @contextmanager
    def _held(self):
        """Hold this mail for the life of this worker: PostgreSQL frees the lock when the worker dies."""
        with self.env.registry.cursor() as cr:
            cr.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK_SPACE, self.id])
            held = cr.fetchone()[0]
            cr.commit()  # pylint: disable=invalid-commit  # the lock is the session's, not the transaction's
            try:
                if held:
                    self.invalidate_recordset()
                yield held
            finally:
                if held:
                    cr.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK_SPACE, self.id])
                    cr.commit()  # pylint: disable=invalid-commit

    def _commit(self):
        """End a step: what follows may be interrupted for ever."""
        self.env.cr.commit()  # pylint: disable=invalid-commit  # intent, act and record are separate transactions

    # === SENDING === #

    def _claim(self):
        """Fix the bytes of the mail and say that it is being sent. Returns whether it may leave."""
        if not self.try_lock_for_update():
            return False
        if cause := self._reason_to_stay():
            self._set_cancelled(cause)
            self._commit()
            return False
        try:
            if not self.raw:
                self._fix_bytes()
            self._set_sending()
        except (BadAddress, UserError) as err:
            self.env.cr.rollback()
            self._set_failed("address" if isinstance(err, BadAddress) else "policy", str(err))
            self._commit()
            return False
        self._commit()
        return True

    def _reason_to_stay(self):
        """Return the cause that cancels this mail at the last moment, or False. Extended by automatic answers."""
        if self.is_scheduled and self.cancel_on_answer and self._was_answered():
            return "answered"
        return False

    def _was_answered(self):
        """Whether the customer wrote in the conversation after this mail was finished."""
        if not self.conversation_id or not self.written_at:
            return False
        return self._last_received_id() > self.seen_message_id

    def _last_received_id(self):
        """Return the id of the newest mail that came in, 0 without one. Ids grow with storing, dates may not."""
        domain = [("conversation_id", "=", self.conversation_id.id), ("direction", "=", "in")]
        return self.env["inbox.message"].sudo().search(domain, order="id desc", limit=1).id or 0

    def _transmit(self):
        """Hand the mail to the mailbox's server and record what came of it."""
        integration = self.integration_id
        raw = base64.b64decode(self.with_context(bin_size=False).raw)
        recipients = self.raw_recipients.splitlines()
        hidden = integration._hidden_copy_address(recipients)
        sender = integration._sender_addresses()[0]
        self._commit()  # nothing is read between here and the answer
        try:
            with integration._smtp_session__() as session:
                accepted = smtp_client.submit(
                    session,
                    sender,
                    recipients,
                    raw,
                    optional=[hidden] if hidden else [],
                    before_data=self._mark_handed_over,
                )
        except smtp_client.SubmissionFailed as err:
            self.env.cr.rollback()
            self._after_failure(err)
        except _Stopped as err:
            self._set_cancelled(err.cause)
        except UserError as err:  # the secret cannot be read
            self.env.cr.rollback()
            self._after_failure(smtp_client.SubmissionFailed("login", 535, str(err)))
        else:
            self._set_sent(accepted.text, "smtp")
            integration._queue_sent_copy(
                self.message_id_header, raw, hidden_copy=bool(hidden) and hidden not in accepted.skipped
            )
        self._commit()

    def _mark_handed_over(self):
        """From here on the mail may be delivered, whatever happens to us; the last moment to stay."""
        if cause := self._reason_to_stay():
            raise _Stopped(cause)
        self.handed_over_at = fields.Datetime.now()
        self._commit()

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

    # === EVIDENCE === #

    @api.model
    def _recover_interrupted(self):
        """Mails in the hands of a worker that died: those that had not begun to leave go back to the queue."""
        for outgoing in self.search([("state", "=", "sending")]):
            with outgoing._held() as held:
                if not held or outgoing.state != "sending":
                    continue
                if outgoing.handed_over_at:
                    outgoing._set_unsettled(self.env._("The sending was interrupted."))
                else:
                    outgoing._set_scheduled(fields.Datetime.now())
                self._commit()

    def _verify(self):
        """Ask the mailbox whether the mail left; send it again only when it proves that it did not."""
        integration = self.integration_id
        try:
            evidence = integration._find_evidence__(self.message_id_header)
        except MailboxUnavailable as err:
            return self._look_later(str(err), reachable=False)
        if evidence == "present":
            return self._settle_as_sent()
        waited = (fields.Datetime.now() - self.handed_over_at).total_seconds() >= integration._evidence_grace()
        if not waited or self.looks + 1 < MIN_LOOKS:
            return self._look_later("", reachable=True)
        if not integration._evidence_is_proven():
            self._set_uncertain(self.env._("This mailbox has never shown a sent mail, so its silence proves nothing."))
        else:
            answer = self.env._("Proved by the mailbox: the first attempt was not accepted.")
            self._set_scheduled(fields.Datetime.now(), answer=answer, handed_over_at=False, looks=0)
        return self._commit()

    def _settle_as_sent(self):
        integration = self.integration_id
        self._set_sent(self.env._("Found in the mailbox after an interrupted sending."), "mailbox")
        raw = base64.b64decode(self.with_context(bin_size=False).raw)
        hidden = integration._hidden_copy_address(self.raw_recipients.splitlines())
        integration._queue_sent_copy(self.message_id_header, raw, hidden_copy=bool(hidden))
        self._commit()

    def _look_later(self, error, *, reachable):
        if not reachable and fields.Datetime.now() - self.handed_over_at > UNCERTAIN_AFTER:
            self._set_uncertain(error)
            return self._commit()
        seconds = min(LOOK_EVERY * 2**self.looks, 1800)
        seconds = min(seconds, max(1, self.integration_id._evidence_grace() // 2))
        self.write(
            {
                "looks": self.looks + bool(reachable),
                "send_at": fields.Datetime.now() + timedelta(seconds=seconds),
            }
        )
        self.env.ref("lokario_inbox.ir_cron_send_outgoing").sudo()._trigger(self.send_at)
        return self._commit()
