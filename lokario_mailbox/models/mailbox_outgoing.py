import base64
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..tools import smtp_client, smtp_retry
from ..tools.cron_alarm import trigger_on_time
from ..tools.dispatcher import MailboxTask, OutgoingMessage, SendCancelled
from ..tools.sent_mailbox import MailboxUnavailable

_logger = logging.getLogger(__name__)

STATES = [
    ("queued", "Waiting to leave"),
    ("waiting", "Waiting for another try"),
    ("sending", "Being sent"),
    ("verifying", "Being verified"),
    ("sent", "Sent"),
    ("bounced", "Returned"),
    ("failed", "Not sent"),
    ("uncertain", "Uncertain"),
    ("cancelled", "Cancelled"),
]
TRANSITIONS = {  # what each state may become
    "queued": {"queued", "waiting", "sending", "cancelled"},
    "waiting": {"queued", "waiting", "sending", "cancelled"},
    "sending": {"queued", "waiting", "verifying", "sent", "failed", "cancelled"},
    "verifying": {"queued", "sent", "uncertain"},
    "uncertain": {"sent", "failed"},
    "sent": {"bounced"},
    "bounced": set(),
    "failed": {"queued", "cancelled"},
    "cancelled": {"cancelled"},
}
RETRACTABLE = ("queued", "waiting")  # nothing of it left, and no worker has it
CAUSES = [
    # why it waits
    ("network", "The mail server cannot be reached."),
    ("tls", "The mail server's certificate is not valid."),
    ("login", "The mail server refuses the login: check the mailbox's password."),
    ("login_busy", "The mail server cannot check the login right now."),
    ("limit", "The provider's sending limit is reached."),
    ("busy", "The mail server is busy."),
    ("too_many_recipients", "The mail server wants fewer recipients at a time."),
    ("later", "It may not leave before this moment."),
    ("unclear", "The connection broke while the mail was handed over: it may have been delivered."),
    # why it was not sent
    ("recipient", "The recipient's address was refused."),
    ("sender", "The mail server does not let this mailbox send under its address."),
    ("size", "The mail is too large for the server."),
    ("policy", "The mail server refuses this mail."),
    ("gave_up", "The mail server could not be reached for two days."),
    ("bounced", "The recipient's mail server returned it."),
    # why it is not to be sent
    ("answered", "The customer answered first."),
    ("person", "Cancelled by a person."),
    ("not_allowed", "It is no longer allowed to leave automatically."),
    ("not_due", "It was no longer due at the moment of sending."),
]
CONFIRMATIONS = [
    ("smtp", "The server accepted it"),
    ("mailbox", "Found in the mailbox"),
    ("person", "A person decided"),
]
SENDERS = ("ir_cron_send_outgoing", "ir_cron_send_outgoing_beside")

CHECK_EVERY = 20  # seconds between two checks of the mailbox, at first
MIN_CHECKS = 2  # absence must be seen twice
ALLOWANCE_PAUSE = timedelta(hours=1)  # before mails beyond a provider's limit are looked at again
RETURNS_WITHIN = timedelta(days=6)  # servers try for five days (RFC 5321 4.5.4.1)
UNCERTAIN_AFTER = timedelta(hours=24)  # a mailbox that cannot be asked for so long leaves the mail uncertain


class MailboxOutgoing(models.Model):
    """A built mail on its way out of a mailbox: its bytes, its envelope, when it is due and what became of it.

    The bytes and the Message-ID are fixed from the start: every attempt sends the same mail. Who handed it over (its
    source, see mailbox.outgoing.source) hears of each change.
    """

    _name = "mailbox.outgoing"
    _inherit = ["lokario.state.mixin", "lokario.access.mixin"]
    _description = "Outgoing Message"
    _order = "id desc"
    _rec_name = "subject"
    _machine_writes_as_sudo = True
    _transitions = TRANSITIONS

    integration_id = fields.Many2one("inbox.integration", "Mailbox", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="integration_id.company_id", store=True, index=True)
    owner_id = fields.Many2one(related="integration_id.owner_id", store=True, index=True)
    source_model = fields.Char(required=True, readonly=True)
    source_id = fields.Many2oneReference(model_field="source_model", required=True, readonly=True, index=True)
    subject = fields.Char(readonly=True)
    message_id_header = fields.Char("Message-ID", required=True, readonly=True, index=True)
    recipients = fields.Text(required=True, readonly=True, help="Envelope recipients, one per line.")
    raw = fields.Binary("Mail as sent", attachment=True, readonly=True)
    is_divisible = fields.Boolean(readonly=True, help="A refused recipient does not keep the mail from the others.")
    is_conditional = fields.Boolean(readonly=True, help="Its source is asked again right before it leaves.")
    has_self_copy = fields.Boolean(readonly=True, help="A blind copy to the mailbox itself went along.")

    state = fields.Selection(STATES, required=True, default="queued", index=True, readonly=True)
    cause = fields.Selection(CAUSES, readonly=True)
    answer = fields.Char("Server's answer", readonly=True)
    outcomes = fields.Json(readonly=True, help="What the server said of each recipient, {address: its words}.")
    outcome_text = fields.Text(compute="_compute_outcome_text")
    send_at = fields.Datetime("Not before", required=True, readonly=True, default=fields.Datetime.now)
    attempts = fields.Integer(readonly=True)
    holder = fields.Char(readonly=True, help="The token of the worker that took it up last.")
    handed_over_at = fields.Datetime(
        readonly=True, help="Set before the first byte of the mail counts: from then on it may be delivered."
    )
    checks = fields.Integer(readonly=True, help="How often the mailbox did not show it.")
    sent_at = fields.Datetime(readonly=True, index=True)
    confirmation = fields.Selection(CONFIRMATIONS, "Delivery confirmation", readonly=True)
    is_notified = fields.Boolean(readonly=True, default=True, help="Its source knows its state.")

    _source_uniq = models.UniqueIndex(
        "(source_model, source_id) WHERE state NOT IN ('failed', 'cancelled')", "This mail is in the outbox already."
    )
    _due_idx = models.Index("(send_at) WHERE state IN ('queued', 'waiting', 'verifying')")
    _open_idx = models.Index("(integration_id) WHERE state = 'sending' OR is_notified IS NOT TRUE")

    @api.depends("outcomes")
    def _compute_outcome_text(self):
        for mail in self:
            mail.outcome_text = "\n".join(f"{address}: {words}" for address, words in (mail.outcomes or {}).items())

    # === TRANSITIONS === #

    def _set_state(self, state, **values):
        super()._set_state(state, **{"is_notified": False} | values)

    def _set_queued(self, send_at=None, **values):
        """Nothing of it may have left."""
        fresh = {"handed_over_at": False, "holder": False, "checks": 0, "cause": False}
        self._set_state("queued", send_at=send_at or fields.Datetime.now(), **fresh | values)
        self._wake_sender()

    def _set_waiting(self, until, cause, answer=False):
        self._set_state("waiting", send_at=until, cause=cause, answer=answer, handed_over_at=False)
        self._wake_sender()

    def _set_sending(self, holder):
        for attempts, mails in self.grouped("attempts").items():
            fresh = {"attempts": attempts + 1, "handed_over_at": False, "cause": False}
            mails._set_state("sending", holder=holder, is_notified=True, **fresh)

    def _set_verifying(self, answer):
        at = fields.Datetime.now() + timedelta(seconds=5)
        self._set_state("verifying", answer=answer, cause="unclear", checks=0, send_at=at)
        self._wake_sender()

    def _set_sent(self, answer, confirmation, outcomes=None):
        now = fields.Datetime.now()
        for mail in self:
            known = outcomes or dict.fromkeys(mail.recipients.splitlines(), answer)
            sent_at = mail.handed_over_at or now
            mail._set_state(
                "sent", sent_at=sent_at, answer=answer, confirmation=confirmation, outcomes=known, cause=False
            )

    def _set_failed(self, cause, answer, outcomes=None):
        self._set_state("failed", cause=cause, answer=answer, outcomes=outcomes or False)

    def _set_uncertain(self, answer):
        self._set_state("uncertain", answer=answer)

    def _set_bounced(self, answer):
        self._set_state("bounced", cause="bounced", answer=answer[:500])

    def _set_cancelled(self, cause):
        self._set_state("cancelled", cause=cause)

    # === THE QUEUE === #

    @api.model_create_multi
    def create(self, vals_list):
        self.flush_model(["state"])  # an earlier mail of the same source may just have been cancelled
        mails = super().create(vals_list)
        mails._wake_sender()
        return mails

    @api.model
    def _due_domain(self):
        """What can go on now."""
        now = fields.Datetime.now()
        free = Domain("integration_id.sending_hold_until", "=", False) | Domain(
            "integration_id.sending_hold_until", "<=", now
        )
        leaving = Domain("state", "in", ("queued", "waiting")) & free & Domain("integration_id.active", "=", True)
        return (leaving | Domain("state", "=", "verifying")) & Domain("send_at", "<=", now)

    def _wake_sender(self, at=None):
        """Have the senders run when the first of these mails is due, or at a moment."""
        moment = at or min(self.mapped("send_at"), default=None)
        if moment:
            for name in SENDERS:
                trigger_on_time(self.env.ref(f"lokario_mailbox.{name}").sudo(), moment)

    def _withdraw(self):
        """Take back mails that have not begun to leave, for certain: no sender has them."""
        held = self.try_lock_for_update()
        if held != self or held.filtered(lambda mail: mail.state not in RETRACTABLE):
            raise UserError(self.env._("Too late: the mail is already on its way."))
        held._set_cancelled("person")

    @api.ondelete(at_uninstall=False)
    def _unlink_except_on_its_way(self):
        if self.filtered(lambda mail: mail.state not in ("cancelled", "failed")):
            raise UserError(self.env._("A mail that left, or may have left, cannot be deleted."))

    # === RIGHT BEFORE IT LEAVES === #

    def _reasons_to_stay(self):
        """Return {id: SendCancelled} of the mails that their sources do not let leave now."""
        reasons = {}
        for model, mails in self.filtered("is_conditional").grouped("source_model").items():
            sources = self.env[model].browse(mails.mapped("source_id")).exists()
            alive = mails.filtered(lambda mail, ids=set(sources.ids): mail.source_id in ids)
            reasons |= dict.fromkeys((mails - alive).ids, SendCancelled("person"))
            reasons |= sources._outgoing_may_leave(alive)
        return reasons

    def _stop(self, reason):
        """Do what a SendCancelled says."""
        if reason.until:
            self._set_waiting(reason.until, reason.cause or "later")
        else:
            self._set_cancelled(reason.cause)

    def _hand_over(self, holder, ids):
        """Write down that these may have left, unless another worker took them over; return the ids of those."""
        rows = self.env.execute_query(
            SQL(
                """UPDATE mailbox_outgoing SET handed_over_at = %s
                    WHERE id = ANY(%s) AND state = 'sending' AND holder = %s AND handed_over_at IS NULL RETURNING id""",
                fields.Datetime.now(),
                ids,
                holder,
            )
        )
        return {row[0] for row in rows}

    def _messages(self):
        """Return {id: OutgoingMessage}."""
        files = self.env["ir.attachment"].sudo()
        domain = [("res_model", "=", self._name), ("res_field", "=", "raw"), ("res_id", "in", self.ids)]
        raws = {file.res_id: file.raw for file in files.search(domain)}
        others = Domain("message_id_header", "in", self.mapped("message_id_header"))
        others &= Domain("state", "not in", ("failed", "cancelled"))
        firsts = {mail_id for _header, mail_id in self._read_group(others, ["message_id_header"], ["id:min"])}
        return {mail.id: mail._message(raws[mail.id], mail.id in firsts) for mail in self}

    def _message(self, raw, is_first):
        """Return the OutgoingMessage; of those with one Message-ID the first has the Bcc self-copy."""
        recipients = tuple(self.recipients.splitlines())
        own = is_first and self.integration_id._self_copy_address(recipients)
        self.has_self_copy = bool(own)
        return OutgoingMessage(
            self.id,
            self.integration_id._sender_addresses()[0],
            recipients,
            raw,
            (own,) if own else (),
            is_divisible=self.is_divisible,
        )

    def _within_allowance(self):
        """Return the mails that the provider will take today, as far as its limit is known; the others wait."""
        free, next_at = self.env["mailbox.health"]._allowance(self.integration_id) if self else (None, None)
        if free is None or free >= len(self):
            return self
        self[free:]._set_waiting(next_at or fields.Datetime.now() + ALLOWANCE_PAUSE, "limit")
        return self[:free]

    # === AFTER A CRASH === #

    def _recover(self):
        """What a dead worker had in its hands: before the hand-over nothing had left; after it, the mailbox knows."""
        left = self.filtered("handed_over_at")
        left._set_verifying(self.env._("The sending was interrupted."))
        (self - left)._set_queued()

    def _check(self):
        """Return the MailboxTask that looks for the mail in its mailbox, None where that could show nothing."""
        others = [("message_id_header", "=", self.message_id_header), ("id", "!=", self.id)]
        if self.search_count([*others, ("handed_over_at", "!=", False)], limit=1):
            self._set_uncertain(self.env._("Mails of one message cannot be distinguished in the mailbox."))
            return None
        message_id = self.message_id_header
        return MailboxTask(
            self.id, self.integration_id._mailbox_opener__(), lambda box, _ask: box.presence_of(message_id)
        )

    # === WHAT CAME OF IT === #

    def _take_outcome(self, outcome):
        if isinstance(outcome, smtp_client.Accepted):
            self._take_accepted(outcome)
        elif isinstance(outcome, smtp_client.SubmissionFailed):
            self._take_failure(outcome)
        elif isinstance(outcome, SendCancelled):
            self._stop(outcome)
        elif isinstance(outcome, MailboxUnavailable):
            self._check_later(str(outcome), reachable=False)
        elif outcome == "present":
            self._set_sent(self.env._("Found in the mailbox after an interrupted sending."), "mailbox")
        else:
            self._take_absence()

    def _take_accepted(self, accepted):
        if accepted.skipped:
            self.has_self_copy = False
        outcomes = dict.fromkeys(self.recipients.splitlines(), accepted.text) | dict(accepted.refused)
        self._set_sent(accepted.text, "smtp", outcomes)
        self.env["mailbox.health"]._release_hold(self.integration_id)

    def _take_failure(self, failure):
        verdict = smtp_retry.classify(failure.code, failure.text, failure.stage, self.attempts)
        answer = f"{failure.code or ''} {failure.text}".strip()
        now = fields.Datetime.now()
        if verdict.action == smtp_retry.VERIFY:
            self._set_verifying(answer)
        elif verdict.action == smtp_retry.REFUSED:
            detail = f"{', '.join(failure.refused)}: {answer}" if failure.refused else answer
            self._set_failed(verdict.cause, detail, dict.fromkeys(failure.refused, answer))
        elif verdict.action == smtp_retry.HOLD or (verdict.cause == "network" and failure.concerns_all):
            self._set_waiting(now, verdict.cause, answer)  # the hold of the mailbox keeps it back
            self.env["mailbox.health"]._hold(self.integration_id, verdict, answer)
            if verdict.cause == "limit":
                self.env["mailbox.health"]._learn_quota(self.integration_id)
        else:
            self._set_waiting(now + timedelta(seconds=smtp_retry.with_jitter(verdict.wait)), verdict.cause, answer)

    def _take_absence(self):
        """The mailbox does not show the mail: send it again only when that means that it did not leave."""
        integration = self.integration_id
        waited = (fields.Datetime.now() - self.handed_over_at).total_seconds() >= integration._confirmation_grace()
        if not waited or self.checks + 1 < MIN_CHECKS:
            self._check_later("", reachable=True)
        elif not integration._shows_sent_mail():
            self._set_uncertain(
                self.env._("This mailbox has never shown a sent mail: that this one is absent means nothing.")
            )
        else:
            self._set_queued(answer=self.env._("Verified in the mailbox: the first attempt was not accepted."))

    def _check_later(self, error, *, reachable):
        if not reachable and fields.Datetime.now() - self.handed_over_at > UNCERTAIN_AFTER:
            self._set_uncertain(error)
            return
        seconds = min(CHECK_EVERY * 2**self.checks, 1800, max(1, self.integration_id._confirmation_grace() // 2))
        at = fields.Datetime.now() + timedelta(seconds=seconds)
        self.write({"checks": self.checks + bool(reachable), "send_at": at})
        self._wake_sender()

    def _notify_sources(self):
        """Say what became of these mails, and have those that left filed in Sent."""
        for mails in self.filtered(lambda mail: mail.state == "sent").grouped("integration_id").values():
            self.env["inbox.sent.copy"]._queue(mails)
        for model, mails in self.grouped("source_model").items():
            sources = self.env[model].browse(mails.mapped("source_id")).exists()
            sources._outgoing_changed(mails.filtered(lambda mail, ids=set(sources.ids): mail.source_id in ids))
        self.write({"is_notified": True})

    def _raw_bytes(self):
        return base64.b64decode(self.with_context(bin_size=False).raw)

    # === WHAT COMES BACK === #

    @api.model
    def _find_returned(self, integration, message_ids, address):
        """Return the mails that a delivery report is about: by its identifiers, else the only one sent there lately."""
        domain = Domain("integration_id", "=", integration.id) & Domain("state", "=", "sent")
        mails = self.search(domain & Domain("message_id_header", "in", message_ids)) if message_ids else self
        if not mails and address:
            lately = Domain("sent_at", ">", fields.Datetime.now() - RETURNS_WITHIN)
            mails = self.search(domain & lately & Domain("recipients", "=ilike", f"%{address}%"), limit=20)
            mails = mails.filtered(lambda mail: mail._recipient(address))
            return mails if len(mails) == 1 else self.browse()
        named = mails.filtered(lambda mail: mail._recipient(address))
        return named or mails  # one message to several contacts, each in a mail of his own

    def _recipient(self, address):
        """The envelope recipient that an address names, "" when it is none of them."""
        found = (each for each in self.recipients.splitlines() if each.casefold() == (address or "").casefold())
        return next(found, "")

    def _note_return(self, address, reason):
        """A recipient's server returned it: a fact of that recipient, and of the mail once it reached nobody."""
        words = reason[:500] if reason[:1] in ("4", "5") else f"5.0.0 {reason}"[:500]
        for mail in self:
            everybody = mail.recipients.splitlines()
            returned = [mail._recipient(address) or address] if len(everybody) > 1 and address else everybody
            mail.outcomes = {**(mail.outcomes or {}), **dict.fromkeys(returned, words)}
            if all(mail.outcomes.get(each, "")[:1] in ("4", "5") for each in everybody):
                mail._set_bounced(reason)
            else:
                mail.is_notified = False
        self._notify_sources()

    # === WHAT PEOPLE DO === #

    def action_retry(self):
        """Try again what was not sent, or send now what waits for another try."""
        mails = self._checked().filtered(lambda mail: mail.state in ("failed", "waiting"))
        if self and not mails:
            raise UserError(self.env._("Only a mail that was not sent, or waits for another try, can be tried again."))
        mails._set_queued(attempts=0, answer=False)
        mails._notify_sources()

    def action_confirm_sent(self):
        """A person knows that an uncertain mail arrived."""
        mails = self._checked()
        mails._set_sent(self.env._("Confirmed by %s", self.env.user.name), "person")
        mails._notify_sources()

    def action_confirm_not_sent(self):
        """A person knows that an uncertain mail did not arrive: it becomes a mail that was not sent."""
        mails = self._checked()
        mails._set_failed("gave_up", self.env._("Declared not sent by %s", self.env.user.name))
        mails._notify_sources()

    def _checked(self):
        self.check_access("write")
        return self.sudo()

    def action_open_source(self):
        self.ensure_one()
        source = self.env[self.source_model].browse(self.source_id).exists()
        if not source or not source.has_access("read"):
            raise UserError(self.env._("What this mail belongs to is gone, or not for you to read."))
        return source.get_formview_action()

    def _refused_recipients(self):
        """Return {address: the server's words} of those who did not get a mail that others got."""
        outcomes = self.outcomes if self.state == "sent" else {}
        return {address: words for address, words in (outcomes or {}).items() if words[:1] in ("4", "5")}

    def _next_try_at(self):
        """Return when it is tried next, as far as that is known."""
        return max(filter(None, (self.send_at, self.integration_id.sending_hold_until)))

    @api.model
    def _words_of(self, cause):
        return dict(self._fields["cause"]._description_selection(self.env)).get(cause, "")
