import base64
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import email_split, format_datetime

from odoo.addons.lokario_base.tools.email_address import plain_address
from odoo.addons.lokario_mailbox.models.mailbox_outgoing import STATES
from odoo.addons.lokario_mailbox.tools import smtp_retry
from odoo.addons.lokario_mailbox.tools.dispatcher import SendCancelled

PROBLEMS = ("waiting", "verifying", "uncertain", "failed", "bounced")


class Delivery(models.Model):
    """What a document's history knows of one of its mails: whose, by which route, what became of it.

    A mail of the company's mailbox is in the outbox, which notifies the delivery. "Sent" means that the server took it.
    """

    _name = "lokario.delivery"
    _inherit = ["lokario.access.mixin", "mailbox.outgoing.source"]
    _description = "Delivery of a business mail"
    _order = "id desc"
    _rec_name = "subject"

    mail_id = fields.Many2one("mail.mail", ondelete="set null", index=True)
    outgoing_id = fields.Many2one(
        "mailbox.outgoing", "In the outbox", ondelete="set null", index="btree_not_null", readonly=True
    )
    partner_id = fields.Many2one("res.partner", ondelete="set null", help="The contact whose own mail it is.")
    res_model = fields.Char(required=True, index=True)
    res_id = fields.Many2oneReference(model_field="res_model", required=True, index=True)
    company_id = fields.Many2one("res.company", required=True, index=True)
    subject = fields.Char()
    message_id = fields.Char(string="Message-ID", required=True, index=True)
    route = fields.Selection(
        [
            ("mailbox", "Company mailbox"),
            ("company", "Server of the company"),
            ("global", "Global server"),
            ("network", "Electronic invoicing network"),
        ],
        required=True,
    )
    sender = fields.Char()
    recipients = fields.Char()
    refused_recipients = fields.Char(string="Refused", help="Addresses of this mail that the server did not take")
    state = fields.Selection(STATES, required=True, default="queued", index=True)
    attempts = fields.Integer(related="outgoing_id.attempts")
    server_attempts = fields.Integer(readonly=True, help="How often a server, not a mailbox, was given the mail.")
    sent_at = fields.Datetime()
    server_answer = fields.Char()
    cause = fields.Char(help="Why it has not arrived, in plain words")
    next_try_at = fields.Datetime()
    opened_at = fields.Datetime()
    integration_id = fields.Many2one("inbox.integration", ondelete="set null")
    eml = fields.Binary("Mail as sent", compute="_compute_eml")

    can_open_document = fields.Boolean(compute="_compute_can_open_document")

    @api.depends_context("uid")
    @api.depends("res_model", "res_id")
    def _compute_can_open_document(self):
        for delivery in self:
            document = delivery._document()
            delivery.can_open_document = bool(document) and document.has_access("read")

    @api.depends_context("bin_size")
    @api.depends("outgoing_id.raw")
    def _compute_eml(self):
        """The bytes in the outbox; those of mails of earlier releases are attachments of the delivery."""
        files = self.env["ir.attachment"].sudo()
        domain = [("res_model", "=", self._name), ("res_field", "=", "eml"), ("res_id", "in", self.ids)]
        earlier = {file.res_id: base64.b64encode(file.raw) for file in files.search(domain)}
        for delivery in self:
            delivery.eml = delivery.sudo().outgoing_id.raw or earlier.get(delivery.id)

    def _document(self):
        self.ensure_one()
        return self.env[self.res_model].browse(self.res_id).exists()

    def _documents(self):
        """Yield (existing documents, their deliveries) for each model."""
        for model, deliveries in self.grouped("res_model").items():
            documents = self.env[model].browse(deliveries.mapped("res_id")).exists()
            known = set(documents.ids)
            yield documents, deliveries.filtered(lambda delivery, known=known: delivery.res_id in known)

    def _problem_in_words(self):
        """Return the cause and the next try of a mail that has not arrived, False when there is nothing to report."""
        self.ensure_one()
        if self.route == "network" or (self.state == "sent" and self.refused_recipients):
            return self.cause
        held = (
            self.state == "queued"
            and self.outgoing_id
            and self.env["mailbox.health"]._sending_problem(self.integration_id)
        )
        if not held and self.state not in PROBLEMS:
            return False
        cause = held or self.cause or dict(self._fields["state"]._description_selection(self.env))[self.state]
        next_try_at = self.integration_id.sending_hold_until if held else self.next_try_at
        if not next_try_at:
            return self.env._("The mail has not arrived: %(cause)s Nothing more is tried automatically.", cause=cause)
        at = format_datetime(self.env, next_try_at)
        return self.env._("The mail has not left yet: %(cause)s Next try: %(at)s.", cause=cause, at=at)

    # === STATES === #

    def _set_state(self, state, **values):
        """A mail of the mailbox is where the outbox says it is; the others have the outbox's states too."""
        self.write({"state": state, "next_try_at": False, "cause": False} | values)
        self._notify_documents()

    def _set_sending(self):
        for delivery in self:
            delivery._set_state("sending", server_attempts=delivery.server_attempts + 1)

    def _set_waiting(self, until, cause):
        self._set_state("waiting", next_try_at=until, cause=cause)

    def _set_sent(self, answer=False):
        self._set_state("sent", sent_at=fields.Datetime.now(), server_answer=answer)

    def _set_failed(self, cause):
        """Nothing more is tried: a person must change something."""
        self._set_state("failed", cause=cause)
        self._schedule_activity(cause)

    def _set_uncertain(self, cause):
        self._set_state("uncertain", cause=cause)
        self._schedule_activity(cause)

    def _set_bounced(self, reason):
        """The address does not exist: the reminders of the document must not go on to it unseen."""
        self._set_state("bounced", cause=reason[:500])
        self._schedule_activity(reason[:500])

    def _set_cancelled(self, cause):
        self._set_state("cancelled", cause=cause)

    def _set_queued(self):
        """To be built and sent again."""
        self._set_state("queued", outgoing_id=False, server_attempts=0)

    # === THE OUTBOX === #

    def _queue(self, raw, recipients):
        """Hand the built mail to the outbox of the mailbox."""
        self.recipients = ", ".join(recipients)
        self.outgoing_id = self.outgoing_id.create(
            {
                "raw": base64.b64encode(raw),
                "integration_id": self.integration_id.id,
                "source_model": self._name,
                "source_id": self.id,
                "subject": self.subject,
                "message_id_header": self.message_id,
                "recipients": "\n".join(plain_address(each) or each for each in recipients),
                "is_conditional": True,
                "is_divisible": not self.company_id.outgoing_all_or_none,
            }
        )

    def _outgoing_may_leave(self, mails):
        """A person may have cancelled the mail, and the document may say that it is no longer due."""
        reasons = super()._outgoing_may_leave(mails)
        cancelled = self.filtered(lambda delivery: delivery.mail_id.state in (False, "cancel"))
        overtaken = self - cancelled - (self - cancelled)._due()
        reasons |= dict.fromkeys(cancelled.outgoing_id.ids, SendCancelled("person"))
        return reasons | dict.fromkeys(overtaken.outgoing_id.ids, SendCancelled("not_due"))

    def _due(self):
        """Return those whose documents say that their mail still is to leave."""
        due = self.browse()
        for documents, deliveries in self._documents():
            ids = set(documents.sudo()._still_due().ids)
            due |= deliveries.filtered(lambda delivery, ids=ids: delivery.res_id in ids)
        return due

    # === THE OTHER ROUTES === #

    def _still_due(self):
        """Return those that still are to leave; the others are cancelled."""
        due = self._due()
        if stale := self - due:
            stale._set_cancelled(self.env._("It was no longer due at the moment of sending."))
            stale.mail_id._follow_deliveries()
        return due

    def _follow_server(self, mail):
        """Note what Odoo's own sending made of the mail (mail.mail); one that it has deleted was sent."""
        if not mail or mail.state == "sent":
            self._set_sent()
        elif mail.state == "exception" and self.state != "uncertain":
            self._set_failed(mail.failure_reason)
        elif mail.state == "cancel":
            self._set_cancelled(False)
        elif self.state == "sending":
            self._set_state("queued")

    def _may_wait(self, failure_type):
        """Return the smtp_retry.Verdict on what Odoo's own sending could not deliver; None when another try is no use.

        failure_type: "mail_smtp" says that the server could not be reached.
        """
        mail, reason = self.mail_id, self.mail_id.failure_reason or ""
        if failure_type == "mail_smtp":
            verdict = smtp_retry.classify(None, reason, attempt=self.server_attempts)
        elif mail.email_cc and not mail.email_to:  # the copies may have left
            return None
        else:
            verdict = smtp_retry.classify_reason(reason, self.server_attempts)
        return verdict if verdict.action in (smtp_retry.RETRY, smtp_retry.HOLD) else None

    def _wait(self, verdict):
        """Have Odoo's own queue try again later."""
        until = fields.Datetime.now() + timedelta(seconds=smtp_retry.with_jitter(verdict.wait))
        words = self.env["mailbox.outgoing"].with_context(lang=self._lang())._words_of(verdict.cause)
        self._set_waiting(until, words)
        again = {"state": "outgoing", "failure_type": False, "failure_reason": False, "scheduled_date": until}
        self.mail_id.write(again)
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger(until)

    def _outgoing_changed(self, mails):
        for delivery in self.filtered(lambda delivery: delivery.outgoing_id in mails):
            delivery._follow(delivery.outgoing_id)
        self.mail_id._follow_deliveries()

    def _follow(self, mail):
        """Note what the outbox says; a person is asked for where only a person can help."""
        translated = mail.with_context(lang=self._lang())
        cause = translated._words_of(mail.cause)
        if mail.state == "bounced":
            cause = f"{cause} {mail.answer or ''}".strip()
        if refused := mail._refused_recipients():
            answers = "; ".join(f"{address}: {words}" for address, words in refused.items())
            cause = translated.env._("Not everybody got the mail: %(answers)s", answers=answers)
        self._set_state(
            mail.state,
            cause=cause or (mail.state in PROBLEMS and mail.answer),
            server_answer=mail.answer,
            sent_at=mail.sent_at,
            next_try_at=mail.state in ("waiting", "verifying") and mail._next_try_at(),
            refused_recipients=", ".join(refused),
        )
        if refused or mail.state in ("failed", "uncertain", "bounced"):
            self._schedule_activity(self.cause)

    def _notify_documents(self):
        for documents, deliveries in self._documents():
            documents._deliveries_changed(deliveries)

    def _schedule_activity(self, cause):
        mixin = self.env.registry["mail.activity.mixin"]
        for delivery in self:
            document = delivery._document()
            if not document or not isinstance(document, mixin):
                continue
            names = [name for name in ("user_id", "invoice_user_id") if name in document]
            people = self.env["res.users"].concat(*(document[name] for name in names))
            if user := delivery.company_id._person_for(document, people):
                document.activity_schedule(
                    "mail.mail_activity_data_warning",
                    summary=self.with_context(lang=user.lang).env._("The mail was not delivered"),
                    note=cause,
                    user_id=user.id,
                )

    def _lang(self):
        """The language in which a company reads what became of its mails."""
        return self.company_id[:1].partner_id.lang or self.env.lang

    # === WHAT PEOPLE DO === #

    def action_open_document(self):
        self.ensure_one()
        return self._document().get_formview_action()

    def action_try_again(self):
        """A person has mended what was wrong: what failed is built anew, what waits leaves now."""
        deliveries_sudo = self._handled_by_hand()
        stopped = deliveries_sudo.filtered(lambda each: each.mail_id and each.state == "failed")
        stopped.mail_id.mark_outgoing()
        by_server = deliveries_sudo.filtered(lambda each: each.state == "waiting" and not each.outgoing_id)
        (stopped | by_server).mail_id.scheduled_date = False
        self.env["mail.mail"]._wake_queue()
        deliveries_sudo.filtered(lambda each: each.state == "waiting").outgoing_id.action_retry()

    def action_was_delivered(self):
        """A person knows that it arrived."""
        for delivery in self._handled_by_hand().filtered(lambda each: each.state in ("uncertain", "verifying")):
            if delivery.outgoing_id:
                delivery.outgoing_id.action_confirm_sent()
            else:
                delivery._set_sent(self.env._("Confirmed by hand"))
                delivery.mail_id._follow_deliveries()

    def _handled_by_hand(self):
        """Return the deliveries (sudo) for a person who works with them: only the buttons change their state."""
        self.check_access("read")
        if not self.env.user.has_group("lokario_billing.group_lokario_billing_user"):
            raise AccessError(self.env._("Only people who work with follow-ups may change deliveries."))
        return self.sudo()

    # === WHO GOT IT === #

    @api.model
    def _latest_of(self, records):
        """Return {record id: deliveries of its latest mail, one for each of its recipients}."""
        deliveries = self.sudo().search([("res_model", "=", records._name), ("res_id", "in", records.ids)], order="id")
        return {
            res_id: group.filtered(lambda each, latest=group[-1:]: each.message_id == latest.message_id)
            for res_id, group in deliveries.grouped("res_id").items()
        }

    def _concerns(self, address):
        """Whether this mail is for an address; before it is built nobody knows, and it may be."""
        return not address or not self.recipients or _addresses(address) <= _addresses(self.recipients)

    def _is_refused(self, address):
        """Whether the server took this mail for others, and not for this address."""
        return self.state == "sent" and bool(_addresses(address) & _addresses(self.refused_recipients))

    def _have_reached(self, customer):
        """Whether one of these deliveries of a mail is with the customer; where none is his, with anybody."""
        his = self.filtered(lambda each: each.partner_id.commercial_partner_id == customer) or self
        return any(each._has_reached_a_recipient() for each in his)

    def _has_reached_a_recipient(self):
        if self.state != "sent":
            return self.state in ("verifying", "uncertain")
        known = _addresses(self.recipients)
        return not known or bool(known - _addresses(self.refused_recipients))


def _addresses(text):
    return {(plain_address(address) or address).lower() for address in email_split(text or "")}
