"""A mail on its way out of a mailbox: queued, handed over, recorded, and recovered after a crash."""

import base64
import logging
from datetime import timedelta
from functools import partial

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..exceptions import UnfitMail
from ..tools import smtp_client, smtp_retry, worker_locks
from ..tools.cron_alarm import trigger_on_time
from ..tools.lanes import Desk, Errand, Letter, Withheld
from ..tools.outbox_run import OutboxRun
from ..tools.sent_mailbox import MailboxUnavailable
from ..tools.steps import run_step

_logger = logging.getLogger(__name__)

STATES = [
    ("draft", "Draft"),
    ("scheduled", "Waiting"),
    ("sending", "Being sent"),
    ("unsettled", "Being verified"),
    ("sent", "Sent"),
    ("failed", "Not sent"),
    ("uncertain", "Uncertain"),
    ("cancelled", "Cancelled"),
]
CAUSES = [
    ("recipient", "An address was refused"),
    ("sender", "The mailbox may not send as this address"),
    ("size", "Too large"),
    ("policy", "Refused by the server"),
    ("gave_up", "Tried too often"),
    ("address", "Bad address"),
    ("person", "Cancelled by a person"),
    ("not_allowed", "No longer allowed to leave by itself"),
]
# Every change of state goes through _set_<state>() and is one of these.
ALLOWED = {
    "draft": {"scheduled", "failed", "cancelled"},
    "scheduled": {"draft", "sending", "unsettled", "failed"},
    "sending": {"scheduled"},
    "unsettled": {"sending"},
    "sent": {"sending", "unsettled", "uncertain"},
    "failed": {"scheduled", "sending", "uncertain"},
    "uncertain": {"unsettled"},
    "cancelled": {"draft", "scheduled", "sending", "failed", "cancelled"},
}
OF_AN_ATTEMPT = ("send_at", "is_scheduled", "raw", "raw_recipients", "handed_over_at", "answer", "cause")

TAKEN_OVER = "taken over"  # a mail that another worker has now: nothing is to be recorded
INTEND = """
    UPDATE inbox_outgoing SET handed_over_at = %s
     WHERE id = %s AND state = 'sending' AND attempts = %s AND handed_over_at IS NULL RETURNING id
"""
LOOK_EVERY = 20  # seconds between two looks for evidence, at first
MIN_LOOKS = 2  # absence must be seen twice
UNCERTAIN_AFTER = timedelta(hours=24)  # a mailbox that cannot be asked for so long leaves the mail uncertain


class InboxOutgoing(models.Model):
    """One mail on its way out of a mailbox. Its Message-ID is fixed before the first attempt and never changes.

    Claim, hand over and record are each a short transaction of their own; crashes are settled by evidence. Every
    mailbox has a lane of its own: threads that only see scalars. What stands here runs in the cron's thread.
    """

    _name = "inbox.outgoing"
    _inherit = ["lokario.access.mixin"]
    _description = "Outgoing E-mail"
    _order = "id desc"
    _rec_name = "subject"
    _machine_writes_as_sudo = True

    integration_id = fields.Many2one(
        "inbox.integration",
        string="Mailbox",
        required=True,
        index=True,
        ondelete="cascade",
        default=lambda self: self._default_integration(),
    )
    company_id = fields.Many2one(related="integration_id.company_id", store=True, index=True)
    owner_id = fields.Many2one(related="integration_id.owner_id", store=True, index=True)
    author_id = fields.Many2one("res.users", required=True, index=True, default=lambda self: self.env.user)
    is_automatic = fields.Boolean(readonly=True, copy=False, help="No person looked at it before it left.")

    email_to = fields.Text("To")
    email_cc = fields.Text("Cc")
    email_bcc = fields.Text("Bcc")
    subject = fields.Char()

    state = fields.Selection(STATES, required=True, default="draft", index=True, readonly=True, copy=False)
    cause = fields.Selection(CAUSES, readonly=True, copy=False)
    send_at = fields.Datetime(index=True, readonly=True, copy=False, help="Not before this moment.")
    is_scheduled = fields.Boolean(readonly=True, copy=False, help="A person chose the moment.")
    message_id_header = fields.Char("Message-ID", readonly=True, copy=False, index=True)
    raw = fields.Binary(attachment=True, readonly=True, copy=False)
    raw_recipients = fields.Text(readonly=True, copy=False, help="Envelope recipients, one per line.")
    attempts = fields.Integer(readonly=True, copy=False)
    handed_over_at = fields.Datetime(
        readonly=True,
        copy=False,
        help="Set before the first byte of the mail leaves: from then on it may be delivered.",
    )
    looks = fields.Integer(readonly=True, copy=False)
    sent_at = fields.Datetime(readonly=True, copy=False, index=True)
    answer = fields.Char("Server's answer", readonly=True, copy=False)
    evidence = fields.Selection(
        [("smtp", "The server accepted it"), ("mailbox", "Found in the mailbox"), ("person", "A person decided")],
        readonly=True,
        copy=False,
    )

    _message_uniq = models.Constraint("UNIQUE(message_id_header)", "A Message-ID names one mail.")
    _due_idx = models.Index("(send_at) WHERE state = 'scheduled'")

    def _default_integration(self):
        """The company's primary mailbox, else one the user may use."""
        mailboxes = self.env["inbox.integration"].search([("company_id", "parent_of", self.env.company.id)])
        return (mailboxes.filtered("is_primary") or mailboxes)[:1]

    @api.depends_context("uid")
    def _compute_display_name(self):
        super()._compute_display_name()
        self._hide_unreadable_names()

    # === WHAT PEOPLE DO === #

    def action_cancel(self):
        """Throw the mail away while it has not begun to leave."""
        self._held_back("draft", "scheduled", "failed", "cancelled")._set_cancelled("person")

    def _held_back(self, *states):
        """Return these mails, sudoed and locked, once it is certain that no sender has them."""
        self.check_access("write")
        held = self.sudo().try_lock_for_update()
        if held != self.sudo() or held.filtered(lambda mail: mail.state not in states):
            raise UserError(self.env._("Too late: the mail is already on its way."))
        return held

    def action_retry(self):
        """Try again what was not sent."""
        self.check_access("write")
        for outgoing in self.sudo():
            outgoing.write({"attempts": 0, "cause": False})
            outgoing._set_scheduled(fields.Datetime.now())

    def action_confirm_sent(self):
        """A person knows that an uncertain mail arrived."""
        self.check_access("write")
        for outgoing in self.sudo():
            outgoing._set_sent(self.env._("Confirmed by %s", self.env.user.name), "person")

    def action_confirm_not_sent(self):
        """A person knows that an uncertain mail did not arrive: it becomes a mail that was not sent."""
        self.check_access("write")
        self.sudo()._set_failed("gave_up", self.env._("Declared not sent by %s", self.env.user.name))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_on_its_way(self):
        if self.filtered(lambda outgoing: outgoing.state not in ("draft", "cancelled", "failed")):
            raise UserError(self.env._("A mail that left, or may have left, cannot be deleted."))

    # === CHANGES OF STATE === #

    def _set_state(self, state, **values):
        for outgoing in self:
            if outgoing.state not in ALLOWED[state]:
                names = dict(self._fields["state"]._description_selection(self.env))
                raise UserError(
                    self.env._(
                        "A mail that is “%(now)s” cannot become “%(then)s”.",
                        now=names[outgoing.state],
                        then=names[state],
                    )
                )
        self.write({"state": state, **values})
        self._state_changed()

    def _state_changed(self):
        """Hook: these mails have another state now; whoever shows them is notified."""

    def _set_draft(self):
        """To be changed and fixed anew: nobody got what an attempt may have fixed before."""
        self._set_state("draft", attempts=0, **dict.fromkeys(OF_AN_ATTEMPT, False))

    def _set_scheduled(self, send_at, **values):
        self._set_state("scheduled", send_at=send_at, **values)
        self._wake_sender()

    def _set_sending(self):
        self._set_state("sending", attempts=self.attempts + 1, handed_over_at=False)

    def _set_unsettled(self, answer):
        self._set_state("unsettled", answer=answer, looks=0, send_at=fields.Datetime.now() + timedelta(seconds=5))
        self._wake_sender()

    def _set_sent(self, answer, evidence):
        now = fields.Datetime.now()
        self._set_state("sent", sent_at=self.handed_over_at or now, answer=answer, evidence=evidence, cause=False)
        self._after_sent()

    def _set_failed(self, cause, answer):
        self._set_state("failed", cause=cause, answer=answer)
        for outgoing in self:
            outgoing._notify_author(self.env._("A mail was not sent"))

    def _set_uncertain(self, answer):
        self._set_state("uncertain", answer=answer)
        for outgoing in self:
            outgoing._notify_author(self.env._("It is uncertain whether a mail was sent"))

    def _set_cancelled(self, cause):
        self._set_state("cancelled", cause=cause)

    def _after_sent(self):
        """Hook: the mail left for certain; ``self`` is one sudoed record."""

    def _notify_author(self, subject):
        target = self._notification_record()
        target.message_notify(
            partner_ids=self.author_id.partner_id.ids,
            subject=subject,
            body=self.env._(
                "“%(subject)s” to %(recipients)s: %(answer)s",
                subject=self.subject or "",
                recipients=self.email_to or "",
                answer=self.answer or "",
            ),
        )

    def _notification_record(self):
        """Hook: return the record in whose name the author is notified."""
        return self.integration_id

    # === THE RUN === #

    @api.model
    def _cron_send(self):
        """Recover what a dead worker left, verify what is unclear, send what is due."""
        self._cancel_overtaken()
        with worker_locks.WorkerLocks(self.env, worker_locks.MAILBOX) as locks:
            run = OutboxRun(self, locks)
            Desk(partial(self._hand_over, run.attempts), self._record).serve(run.further)

    @api.model
    def _cancel_overtaken(self):
        """Hook: cancel what may not leave any more, before anything is sent."""

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
        cron = self.env.ref("lokario_mailbox.ir_cron_send_outgoing").sudo()
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
        except (UnfitMail, UserError) as err:
            self.env.cr.rollback()
            self._set_failed(err.cause if isinstance(err, UnfitMail) else "policy", str(err))
            return False
        return True

    def _fix_bytes(self):
        """Hook: write `raw`, `raw_recipients` and the Message-ID, once. Raises UnfitMail or UserError."""
        raise UnfitMail("policy", self.env._("This mail has no content."))

    def _reason_to_stay(self):
        """Hook: return the cause that cancels this mail at the last moment, or False."""
        return False

    def _later_moment(self):
        """Hook: the moment before which this mail may not leave although it is due, or None."""
        return

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
