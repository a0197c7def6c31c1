from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import email_normalize, is_html_empty

from ..tools.mail_addresses import mailboxes

KINDS = [("reply", "Reply"), ("reply_all", "Reply all"), ("forward", "Forward"), ("new", "New mail")]
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
    ("answered", "The customer answered first"),
    ("person", "Cancelled by a person"),
    ("not_allowed", "No longer allowed to leave by itself"),
]

ADDRESSED = {"email_to", "email_cc", "email_bcc", "integration_id", "parent_id"}
CONTENT = ADDRESSED | {"subject", "body_html", "attachment_ids", "wanted_at"}


class InboxOutgoing(models.Model):
    """One mail on its way out of a mailbox. Its Message-ID is fixed before the first attempt and never changes."""

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
    conversation_id = fields.Many2one("inbox.conversation", index=True, ondelete="set null")
    parent_id = fields.Many2one("inbox.message", string="Answers", index="btree_not_null", ondelete="set null")
    author_id = fields.Many2one("res.users", required=True, index=True, default=lambda self: self.env.user)
    kind = fields.Selection(KINDS, required=True, default="new")
    is_automatic = fields.Boolean(readonly=True, copy=False, help="No person looked at it before it left.")

    email_to = fields.Text("To")
    email_cc = fields.Text("Cc")
    email_bcc = fields.Text("Bcc")
    subject = fields.Char()
    body_html = fields.Html("Text", sanitize_style=True)
    attachment_ids = fields.Many2many("ir.attachment", string="Attachments")
    with_signature = fields.Boolean("Signature", default=True)
    wanted_at = fields.Datetime("Send on", copy=False, help="Left empty: right after the undo window.")
    with_history = fields.Boolean("Quoted history", default=True)

    state = fields.Selection(STATES, required=True, default="draft", index=True, readonly=True, copy=False)
    cause = fields.Selection(CAUSES, readonly=True, copy=False)
    send_at = fields.Datetime(index=True, readonly=True, copy=False, help="Not before this moment.")
    is_scheduled = fields.Boolean(readonly=True, copy=False, help="A person chose the moment.")
    written_at = fields.Datetime(readonly=True, copy=False, help="When its author was done with it.")
    seen_message_id = fields.Integer(readonly=True, copy=False, help="Newest received mail its author could know.")
    cancel_on_answer = fields.Boolean(
        "Cancel when answered", default=True, help="A scheduled mail is cancelled when the customer writes first."
    )
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
    edit_ping_at = fields.Datetime(readonly=True, copy=False, help="Its author was last seen writing.")

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
        """Drafts that somebody opened and never wrote in."""
        domain = [("state", "=", "draft"), ("write_date", "<", "-1d"), ("attachment_ids", "=", False)]
        untouched = self.sudo().search(domain, limit=5000).filtered(lambda mail: is_html_empty(mail.body_html))
        untouched.unlink()
        return len(untouched), 0

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
            soon = now + timedelta(seconds=outgoing._undo_seconds())
            outgoing.sudo()._set_scheduled(soon, **outgoing._finished(now))

    def action_schedule(self, send_at):
        """Send at a moment (UTC), unless the customer answers first."""
        self.ensure_one()
        self.check_access("write")
        self._check_ready()
        moment = fields.Datetime.to_datetime(send_at)
        if not moment or moment <= fields.Datetime.now():
            raise UserError(self.env._("Choose a moment in the future."))
        self.sudo()._set_scheduled(moment, **self._finished(fields.Datetime.now()), is_scheduled=True)

    def _finished(self, now):
        """What is known of the conversation when the author is done with the mail."""
        return {"written_at": now, "seen_message_id": self._last_received_id() if self.conversation_id else 0}

    def action_undo(self):
        """Take the mail back while it has not begun to leave."""
        self._held_back("scheduled")._set_draft()

    def action_edit(self):
        """Make a mail that did not leave a draft again, such as to correct an address."""
        self._held_back("failed", "cancelled")._set_draft()

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
        self._check_ready()
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

    def action_ping(self):
        """The author is writing: others are warned."""
        self.check_access("write")
        self.sudo().edit_ping_at = fields.Datetime.now()

    def _is_shown_in_reader(self):
        """Thrown away is gone; a scheduled mail that the customer's answer stopped is still there for its author."""
        if self.state == "cancelled":
            return self.is_scheduled and self.cause == "answered"
        return self.state != "draft" or self.author_id == self.env.user or self.is_automatic

    def _shown_reason(self):
        """Return why the mail has not left, as {"why": in the user's words, "detail": in the server's}."""
        answer = self.answer or ""
        waits = self.state == "scheduled" and self.integration_id._sending_problem()
        if waits:
            return {"why": waits, "detail": self.integration_id.sending_hold_text or ""}
        if self.state == "scheduled" and self.attempts and answer:
            why = self.env._("The server did not take it yet: another try follows by itself.")
        elif self.state == "unsettled":
            why = self.env._("The sending was interrupted: the mailbox is asked whether the mail left.")
        elif self.state == "failed" and self.attempts:
            why = dict(self._fields["cause"]._description_selection(self.env)).get(self.cause, "")
        else:  # our own words
            return {"why": answer if self.state in ("failed", "cancelled") else "", "detail": ""}
        return {"why": why, "detail": answer}

    def _undo_seconds(self):
        return max(0, self.company_id[:1].sudo().inbox_undo_seconds)
