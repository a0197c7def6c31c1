"""What people write, when it is to leave, and what became of it."""

import base64
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import email_normalize, is_html_empty

from odoo.addons.lokario_mailbox.models.mailbox_outgoing import CAUSES, RETRACTABLE
from odoo.addons.lokario_mailbox.tools.dispatcher import SendCancelled

from ..tools.mail_addresses import mailboxes

KINDS = [("reply", "Reply"), ("reply_all", "Reply all"), ("forward", "Forward"), ("new", "New mail")]
GC_LIMIT = 5000  # drafts looked at in one go of the nightly cleaning
ADDRESSED = {"email_to", "email_cc", "email_bcc", "integration_id", "parent_id"}
CONTENT = ADDRESSED | {"subject", "body_html", "attachment_ids", "wanted_at", "invitation_answer"}

STATES = [
    ("draft", "Draft"),
    ("scheduled", "Waiting"),
    ("sending", "Being sent"),
    ("verifying", "Being verified"),
    ("sent", "Sent"),
    ("failed", "Not sent"),
    ("uncertain", "Uncertain"),
    ("cancelled", "Cancelled"),
]
STATE_OF = {  # the draft's state, by that of its mail in the outbox
    "queued": "scheduled",
    "waiting": "scheduled",
    "sending": "sending",
    "verifying": "verifying",
    "sent": "sent",
    "bounced": "sent",
    "failed": "failed",
    "uncertain": "uncertain",
    "cancelled": "cancelled",
}


class InboxOutgoing(models.Model):
    """What a user writes in a mailbox. Once it is to be sent, its built mail is in the outbox (`mail_id`)."""

    _name = "inbox.outgoing"
    _inherit = ["lokario.access.mixin", "mailbox.outgoing.source"]
    _description = "Draft"
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
    conversation_id = fields.Many2one("inbox.conversation", index=True, ondelete="set null")
    parent_id = fields.Many2one("inbox.message", string="Answer to", index="btree_not_null", ondelete="set null")
    author_id = fields.Many2one("res.users", required=True, index=True, default=lambda self: self.env.user)
    kind = fields.Selection(KINDS, required=True, default="new")
    is_automatic = fields.Boolean(readonly=True, copy=False, help="No person checked it before it left.")

    email_to = fields.Text("To")
    email_cc = fields.Text("Cc")
    email_bcc = fields.Text("Bcc")
    subject = fields.Char()
    body_html = fields.Html("Text", sanitize_style=True)
    attachment_ids = fields.Many2many("ir.attachment", string="Attachments")
    with_signature = fields.Boolean("Signature", default=True)
    wanted_at = fields.Datetime("Send on", copy=False, help="Left empty: right after the undo window.")
    with_history = fields.Boolean("Quoted history", default=True)
    invitation_answer = fields.Selection(
        [("accepted", "Accepted"), ("tentative", "Maybe"), ("declined", "Declined")],
        copy=False,
        help="The organiser's calendar takes the answer from this mail.",
    )

    mail_id = fields.Many2one(
        "mailbox.outgoing", "In the outbox", index="btree_not_null", readonly=True, copy=False, ondelete="set null"
    )
    discarded_because = fields.Selection(CAUSES, readonly=True, copy=False)
    state = fields.Selection(STATES, compute="_compute_state", store=True, index=True, default="draft")
    cause = fields.Selection(CAUSES, compute="_compute_state", store=True)
    message_id_header = fields.Char("Message-ID", readonly=True, copy=False, index=True)
    is_scheduled = fields.Boolean(readonly=True, copy=False, help="A person chose the moment.")
    written_at = fields.Datetime(readonly=True, copy=False, help="When its author was done with it.")
    seen_message_id = fields.Integer(readonly=True, copy=False, help="Newest received mail its author could know.")
    cancel_on_answer = fields.Boolean(
        "Cancel when answered", default=True, help="A scheduled mail is cancelled when the customer writes first."
    )
    send_at = fields.Datetime(related="mail_id.send_at")
    attempts = fields.Integer(related="mail_id.attempts")
    handed_over_at = fields.Datetime(related="mail_id.handed_over_at")
    sent_at = fields.Datetime(related="mail_id.sent_at")
    answer = fields.Char(related="mail_id.answer")
    confirmation = fields.Selection(related="mail_id.confirmation")
    edit_ping_at = fields.Datetime(readonly=True, copy=False, help="Its author was last seen writing.")

    _message_uniq = models.Constraint("UNIQUE(message_id_header)", "A Message-ID names one mail.")

    def _default_integration(self):
        """The company's primary mailbox, else one the user may use."""
        mailboxes = self.env["inbox.integration"].search([("company_id", "parent_of", self.env.company.id)])
        return (mailboxes.filtered("is_primary") or mailboxes)[:1]

    @api.depends("mail_id.state", "mail_id.cause", "discarded_because")
    def _compute_state(self):
        for outgoing in self:
            mail = outgoing.sudo().mail_id
            on_its_way = STATE_OF.get(mail.state, "draft")
            outgoing.state = "cancelled" if outgoing.discarded_because else on_its_way
            outgoing.cause = outgoing.discarded_because or mail.cause

    @api.depends_context("uid")
    def _compute_display_name(self):
        super()._compute_display_name()
        self._hide_unreadable_names()

    # === CHECKS === #

    @api.constrains("integration_id", "conversation_id", "parent_id")
    def _check_same_mailbox(self):
        for outgoing in self.sudo():
            for other in (outgoing.conversation_id, outgoing.parent_id):
                if other and other.company_id != outgoing.company_id:
                    raise ValidationError(self.env._("This conversation belongs to another company's mailbox."))

    def _addresses(self, *names):
        """Return the (name, address) pairs of fields such as "email_to"."""
        self.ensure_one()
        lines = [(self[name] or "").replace("\n", ",").replace(";", ",") for name in names]
        return [person for line in lines for person in mailboxes(line)]

    def _check_ready(self):
        """Refuse what could not be sent, in words that say what to do."""
        self.parent_id.check_access("read")  # what is quoted leaves
        for outgoing in self:
            recipients = outgoing._addresses("email_to", "email_cc", "email_bcc")
            if not outgoing._addresses("email_to"):
                raise UserError(self.env._("Enter at least one recipient in “To”."))
            for __, address in recipients:
                if not email_normalize(address):
                    raise UserError(self.env._("“%(address)s” is not an e-mail address.", address=address))
            if is_html_empty(outgoing.body_html) and not outgoing.attachment_ids and outgoing.kind != "forward":
                raise UserError(self.env._("The mail is empty: write a text or add an attachment."))
            if not outgoing.integration_id.active:
                raise UserError(self.env._("The mailbox is archived: nothing can be sent from it."))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_on_its_way(self):
        if self.filtered(lambda outgoing: outgoing.state not in ("draft", "cancelled", "failed")):
            raise UserError(self.env._("A mail that left, or may have left, cannot be deleted."))

    @api.autovacuum
    def _gc_untouched_drafts(self):
        """Drafts that a person opened and never wrote in."""
        domain = [("state", "=", "draft"), ("write_date", "<", "-1d"), ("attachment_ids", "=", False)]
        drafts = self.sudo().search(domain, limit=GC_LIMIT)
        untouched = drafts.filtered(lambda mail: is_html_empty(mail.body_html))
        untouched.unlink()
        return len(untouched), untouched and len(drafts) == GC_LIMIT

    @api.model_create_multi
    def create(self, vals_list):
        outgoings = super().create(vals_list)
        outgoings.integration_id.check_access("read")
        return outgoings

    def write(self, vals):
        if not self.env.su and CONTENT & set(vals) and self.filtered(lambda outgoing: outgoing.state != "draft"):
            raise UserError(self.env._("Only a draft can be changed. Take the mail back first, if it has not left."))
        return super().write(vals)

    # === WHAT PEOPLE DO === #

    def action_send(self):
        """Send after the undo window, or at the moment that was entered; all of them or none."""
        self.check_access("write")
        now = fields.Datetime.now()
        for outgoing in self:
            if outgoing.wanted_at:
                outgoing.action_schedule(outgoing.wanted_at)
                continue
            outgoing._check_ready()
            outgoing.sudo()._queue(now + timedelta(seconds=outgoing._undo_seconds()))

    def action_schedule(self, send_at):
        """Send at a moment (UTC), unless the customer answers first."""
        self.ensure_one()
        self.check_access("write")
        self._check_ready()
        moment = fields.Datetime.to_datetime(send_at)
        if not moment or moment <= fields.Datetime.now():
            raise UserError(self.env._("Choose a moment in the future."))
        self.sudo()._queue(moment, is_scheduled=True)

    def action_undo(self):
        """Take the mail back while it has not begun to leave."""
        self._taken_back("scheduled")._set_draft()

    def action_edit(self):
        """Make a mail that did not leave a draft again, such as to correct an address."""
        self._taken_back("failed", "cancelled")._set_draft()

    def action_cancel(self):
        """Throw the mail away while it has not begun to leave."""
        self._taken_back("draft", "scheduled", "failed", "cancelled")._set_discarded("person")

    def _taken_back(self, *states):
        """Return these drafts, sudoed, once it is certain that no sender has their mails."""
        self.check_access("write")
        drafts_sudo = self.sudo()
        if drafts_sudo.filtered(lambda draft: draft.state not in states):
            raise UserError(self.env._("Too late: the mail is already on its way."))
        drafts_sudo.mail_id.filtered(lambda mail: mail.state in RETRACTABLE)._withdraw()
        return drafts_sudo

    def action_retry(self):
        """Try again what was not sent."""
        self.check_access("write")
        self._check_ready()
        self.sudo().mail_id.action_retry()

    def action_confirm_sent(self):
        """A person knows that an uncertain mail arrived."""
        self.check_access("write")
        self.sudo().mail_id.action_confirm_sent()

    def action_confirm_not_sent(self):
        """A person knows that an uncertain mail did not arrive: it becomes a mail that was not sent."""
        self.check_access("write")
        self.sudo().mail_id.action_confirm_not_sent()

    def action_ping(self):
        """The author is writing: others are warned."""
        self.check_access("write")
        self.sudo().edit_ping_at = fields.Datetime.now()

    def _is_shown_in_reader(self):
        """Thrown away is gone; a scheduled mail that the customer's answer stopped is still there for its author."""
        if self.state == "cancelled":
            return self.is_scheduled and self.cause == "answered" and not self.discarded_because
        return self.state != "draft" or self.author_id == self.env.user or self.is_automatic

    def _shown_label(self):
        """Return the state in the words of the reader: what is shown of cancelled mails is what an answer stopped."""
        if self.state == "cancelled":
            return self.env._("Not sent: the customer wrote first")
        if self.state == "uncertain":
            return self.env._("Uncertain: look into the mailbox before sending again")
        return dict(self._fields["state"]._description_selection(self.env))[self.state]

    def _shown_reason(self):
        """Return why the mail has not left, as {"why": in the user's words, "detail": in the server's}."""
        answer = self.answer or ""
        waits = self.state == "scheduled" and self.env["mailbox.health"]._sending_problem(self.integration_id)
        if waits:
            return {"why": waits, "detail": self.integration_id.sending_hold_text or ""}
        if self.state == "scheduled" and self.attempts and answer:
            why = self.env._("The server did not take it yet: another try follows automatically.")
        elif self.state == "verifying":
            why = self.env._("The sending was interrupted: the mailbox is asked whether the mail left.")
        elif self.state in ("failed", "cancelled"):
            why = self.mail_id._words_of(self.sudo().mail_id.cause)
        else:
            return {"why": "", "detail": ""}
        return {"why": why, "detail": answer}

    # === THE OUTBOX === #

    def _queue(self, send_at, **values):
        """Hand the built mails over, to leave at a moment."""
        now = fields.Datetime.now()
        for draft in self:
            seen = draft._last_received_id() if draft.conversation_id else 0
            draft.write({"written_at": now, "seen_message_id": seen, **values})
            draft.mail_id = draft.mail_id.create(draft._prepare_mail(send_at))
        self._announce()

    def _prepare_mail(self, send_at):
        raw, recipients = self.env["inbox.composition"]._build(self, send_at)
        return {
            "integration_id": self.integration_id.id,
            "source_model": self._name,
            "source_id": self.id,
            "subject": self.subject,
            "message_id_header": self.message_id_header,
            "recipients": "\n".join(recipients),
            "raw": base64.b64encode(raw),
            "send_at": send_at,
            "is_conditional": self.is_automatic or (self.is_scheduled and self.cancel_on_answer),
            "is_divisible": not self.company_id.outgoing_all_or_none,
        }

    def _set_draft(self):
        """To be changed and built anew: what was built before did not leave."""
        self.write({"mail_id": False, "discarded_because": False, "is_scheduled": False})
        self._announce()

    def _set_discarded(self, cause):
        self.write({"discarded_because": cause})
        self._announce()

    def _announce(self):
        self.conversation_id._announce_change()

    def _outgoing_may_leave(self, mails):
        reasons = super()._outgoing_may_leave(mails)
        drafts = {draft.mail_id.id: draft for draft in self}
        for mail in mails:
            draft = drafts.get(mail.id)
            reason = draft._reason_to_stay() if draft else SendCancelled("person")
            if reason:
                reasons[mail.id] = reason
        return reasons

    def _reason_to_stay(self):
        """Return the SendCancelled of a mail that must not leave (now), None when it may."""
        if self.is_scheduled and self.cancel_on_answer and self._was_answered():
            return SendCancelled("answered")
        return None

    def _was_answered(self):
        """Whether the customer wrote in the conversation after this mail was finished."""
        if not self.conversation_id or not self.written_at:
            return False
        return self._last_received_id() > self.seen_message_id

    def _last_received_id(self):
        """Return the id of the newest mail that came in, 0 without one. Ids grow with storing, dates may not."""
        domain = [("conversation_id", "=", self.conversation_id.id), ("direction", "=", "in")]
        return self.env["inbox.message"].sudo().search(domain, order="id desc", limit=1).id or 0

    @api.model
    def _cancel_answered(self, conversations):
        """What a person scheduled is cancelled as soon as the customer writes, not only when it would leave."""
        domain = [("conversation_id", "in", conversations.ids), ("state", "=", "scheduled")]
        scheduled = self.search([*domain, ("is_scheduled", "=", True), ("cancel_on_answer", "=", True)])
        scheduled.filtered(lambda mail: mail._was_answered())._cancel("answered")

    def _cancel(self, cause):
        """Nothing of these is to leave any more; what a sender has is stopped right before it leaves."""
        self.filtered(lambda draft: not draft.mail_id)._set_discarded(cause)
        mails = self.mail_id.try_lock_for_update().filtered(lambda mail: mail.state in ("queued", "waiting"))
        mails._set_cancelled(cause)
        mails._notify_sources()

    def _outgoing_changed(self, mails):
        """Notify people of what became of their mails."""
        drafts = {draft.mail_id.id: draft for draft in self}
        for mail in mails.filtered(lambda mail: mail.id in drafts):
            draft = drafts[mail.id]
            draft.with_context(lang=draft.author_id.lang)._notify_outcome(mail)
        self._announce()

    def _notify_outcome(self, mail):
        if mail.state == "sent":
            self._after_sent()
        elif mail.state == "failed":
            self._notify_author(self.env._("A mail was not sent"), mail.answer)
        elif mail.state == "uncertain":
            self._notify_author(self.env._("It is uncertain whether a mail was sent"), mail.answer)
        elif mail.state == "bounced":
            self._notify_author(self.env._("A mail was returned"), mail.answer)
        elif mail.state == "cancelled" and mail.cause == "answered" and self.is_scheduled:
            reason = self.env._("The customer wrote before it left.")
            self._notify_author(self.env._("A scheduled mail was not sent"), reason)
        if refused := mail._refused_recipients():
            words = "; ".join(f"{address}: {answer}" for address, answer in refused.items())
            self._notify_author(self.env._("A mail did not reach everybody"), words)

    def _after_sent(self):
        """Hook: the mail left for certain; ``self`` is one sudoed record."""
        if self.conversation_id.state == "new":
            self.conversation_id._set_state("in_progress")
        if self.kind in ("reply", "reply_all"):
            self.parent_id._push_answered()

    def _notify_author(self, subject, answer):
        target = self.conversation_id or self.integration_id
        target.message_notify(
            partner_ids=self.author_id.partner_id.ids,
            subject=subject,
            body=self.env._(
                "“%(subject)s” to %(recipients)s: %(answer)s",
                subject=self.subject or "",
                recipients=self.email_to or "",
                answer=answer or "",
            ),
        )

    def _undo_seconds(self):
        return max(0, self.company_id[:1].sudo().inbox_undo_seconds)

    # === WHAT IT IS MADE OF === #

    def _ensure_message_id(self):
        self.ensure_one()
        self._ensure_conversation()
        if not self.message_id_header:
            domain = self.integration_id._sender_addresses()[0].rpartition("@")[2]
            self.message_id_header = self.conversation_id._mint_message_id(domain)

    def _ensure_conversation(self):
        if not self.conversation_id:
            self.conversation_id = self.env["inbox.conversation"].create(
                {
                    "integration_id": self.integration_id.id,
                    "subject": self.subject,
                    "state": "in_progress",
                    "user_id": self.author_id.id,
                }
            )

    def _extra_headers(self):
        """Hook: return further headers of the mail, by name."""
        return {}

    def _attach_originals(self):
        """A forwarded mail takes its files along; its author is notified of those the mailbox no longer has."""
        missing = []
        for original in self.parent_id.attachment_ids.filtered(lambda item: not item.is_inline):
            try:
                self._attach(original)
            except UserError as err:
                missing.append(f"{original.name}: {err}")
        if missing:
            self.env.user._bus_send(
                "simple_notification",
                {
                    "type": "warning",
                    "title": self.env._("Files that are not forwarded"),
                    "message": "\n".join(missing),
                    "sticky": True,
                },
            )

    def _attach(self, original):
        original_sudo = original.sudo()  # the file is the mailbox's; who reads the mail may read it
        if not original_sudo.content and not original_sudo.attachment_id:
            original_sudo._fetch_content__()
        self.attachment_ids += self.env["ir.attachment"].create(
            {
                "name": original.name,
                "raw": original_sudo._stored_bytes(),
                "mimetype": original.mimetype,
                "res_model": self._name,
                "res_id": self.id,
            }
        )
