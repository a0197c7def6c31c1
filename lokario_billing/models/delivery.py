import base64
from datetime import timedelta

from odoo import api, fields, models

from odoo.addons.lokario_inbox.tools.sent_mailbox import MailboxUnavailable

LOCK_SPACE = 0x1B11  # first key of the advisory locks that say "a living worker has this mail"
LOOK_EVERY = timedelta(seconds=20)  # between two looks for evidence
MIN_LOOKS = 2  # absence must be seen twice
UNCERTAIN_AFTER = timedelta(hours=24)  # what cannot be settled for so long is shown to a person
HOLD = timedelta(minutes=5)  # mails behind one that failed, when nothing better is known

DELIVERY_STATES = [
    ("queued", "Waiting"),
    ("sending", "Being sent"),
    ("retry", "Will be tried again"),
    ("hold", "Held: the mailbox is stopped"),
    ("uncertain", "Outcome unknown"),
    ("sent", "Accepted by the server"),
    ("failed", "Failed"),
    ("bounced", "Bounced"),
    ("cancelled", "Cancelled"),
]


class Delivery(models.Model):
    """What became of one business mail. "Sent" means that the server said 250."""

    _name = "lokario.delivery"
    _description = "Delivery of a business mail"
    _order = "id desc"
    _rec_name = "subject"

    mail_id = fields.Many2one("mail.mail", ondelete="set null", index=True)
    res_model = fields.Char(required=True, index=True)
    res_id = fields.Many2oneReference(model_field="res_model", required=True, index=True)
    company_id = fields.Many2one("res.company", required=True, index=True)
    subject = fields.Char()
    message_id = fields.Char(string="Message-ID", required=True, index=True)
    route = fields.Selection(
        [("mailbox", "Company mailbox"), ("company", "Server of the company"), ("global", "Global server")],
        required=True,
    )
    sender = fields.Char()
    recipients = fields.Char()
    state = fields.Selection(DELIVERY_STATES, required=True, default="queued", index=True)
    attempts = fields.Integer()
    sent_at = fields.Datetime()
    server_answer = fields.Char()
    cause = fields.Char(help="Why it has not arrived, in plain words")
    next_try_at = fields.Datetime()
    opened_at = fields.Datetime()
    integration_id = fields.Many2one("inbox.integration", ondelete="set null")
    handed_over_at = fields.Datetime(help="Before this instant of an attempt not one byte had left")
    hidden_copy = fields.Boolean()
    evidence_looks = fields.Integer()
    told_uncertain = fields.Boolean()
    eml = fields.Binary(string="Mail as sent", attachment=True)

    _mail_uniq = models.UniqueIndex("(mail_id) WHERE mail_id IS NOT NULL")

    def _document(self):
        self.ensure_one()
        return self.env[self.res_model].browse(self.res_id).exists()

    def _follow_route(self, route):
        """The company's set-up may have changed since the mail was written."""
        mailbox = route.carrier if route.kind == "mailbox" else self.env["inbox.integration"]
        if (self.route, self.integration_id) != (route.kind, mailbox):
            self.write({"route": route.kind, "integration_id": mailbox.id, "sender": route.address})

    def _set_sending(self, raw=None, recipients="", hidden_copy=False):
        """The intent, with the mail as it is about to leave."""
        values = {
            "state": "sending",
            "attempts": self.attempts + 1,
            "cause": False,
            "next_try_at": False,
            "handed_over_at": False,
            "evidence_looks": 0,
        }
        if raw:
            values |= {"eml": base64.b64encode(raw), "recipients": recipients, "hidden_copy": hidden_copy}
        self.write(values)

    def _set_sent(self, answer):
        """The server said 250."""
        self.write(
            {
                "state": "sent",
                "sent_at": fields.Datetime.now(),
                "server_answer": answer,
                "cause": False,
                "next_try_at": False,
            }
        )
        self._tell_document()

    def _set_waiting(self, state, cause, next_try_at, answer=""):
        self.write({"state": state, "cause": cause, "next_try_at": next_try_at, "server_answer": answer})
        self._tell_document()

    def _set_failed(self, cause, answer=""):
        """Nothing more is tried: a person must change something."""
        self.write({"state": "failed", "cause": cause, "next_try_at": False, "server_answer": answer})
        self._tell_document()
        self._ask_somebody(cause)

    def _set_cancelled(self, cause):
        self.write({"state": "cancelled", "cause": cause, "next_try_at": False})
        self._tell_document()

    def _tell_document(self):
        """Documents that want to know what became of their mail define `_delivery_changed`."""
        for delivery in self:
            document = delivery._document()
            if document and hasattr(document, "_delivery_changed"):
                document._delivery_changed(delivery)

    def _ask_somebody(self, cause):
        for delivery in self:
            document = delivery._document()
            if (
                document
                and hasattr(document, "activity_schedule")
                and delivery.res_model != "lokario.followup.reminder"
            ):
                user = next((document[name] for name in ("user_id", "invoice_user_id") if name in document), None)
                document.activity_schedule(
                    "mail.mail_activity_data_warning",
                    summary=self.env._("The mail was not delivered"),
                    note=cause,
                    user_id=(user or self.env.ref("base.user_admin")).id,
                )

    def action_open_document(self):
        self.ensure_one()
        return self._document().get_formview_action()

    def action_try_again(self):
        """A person has mended what was wrong."""
        failed = self.filtered(lambda delivery: delivery.state in ("failed", "retry", "hold"))
        failed.mail_id.sudo().write({"state": "outgoing", "scheduled_date": False})
        failed.write({"state": "queued", "attempts": 0, "cause": False, "next_try_at": False})
        self.env.ref("mail.ir_cron_mail_scheduler_action")._trigger()

    def action_was_delivered(self):
        """A person knows that it arrived."""
        for delivery in self.filtered(lambda delivery: delivery.state == "uncertain"):
            delivery.mail_id.sudo()._record_accepted(delivery.sudo(), self.env._("Confirmed by hand"))

    # === AFTER A CRASH === #

    @api.model
    def _cron_settle(self):
        """Settle what a dead worker left, by evidence from the mailbox; nothing is sent again on a guess."""
        with WorkerLocks(self.env) as locks:
            for delivery in self.search([("state", "=", "sending")]):
                if locks.take(delivery.mail_id.id):
                    delivery.invalidate_recordset()
                    delivery.filtered(lambda d: d.state == "sending")._recover()
                    self.env["lokario.followup"]._commit_progress(1)
                    locks.release(delivery.mail_id.id)
        now = fields.Datetime.now()
        for delivery in self.search([("state", "=", "uncertain"), ("next_try_at", "<=", now)]):
            delivery._verify()
            if not self.env["lokario.followup"]._commit_progress(1):
                break

    def _recover(self):
        """The worker died: before the hand-over nothing had left; after it, only the mailbox knows."""
        for delivery in self:
            if delivery.handed_over_at:
                delivery.mail_id._wait(delivery, "uncertain", 1, self.env._("The sending was interrupted."))
            else:
                delivery._queue_again()

    def _queue_again(self):
        self.write({"state": "queued", "cause": False, "next_try_at": False, "handed_over_at": False})
        self.mail_id.write({"state": "outgoing", "scheduled_date": False})
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()

    def _verify(self):
        """Ask the mailbox whether the mail left; send it again only when it proves that it did not."""
        if self.route != "mailbox" or not self.integration_id:
            self._look_later()
            return
        try:
            evidence = self.integration_id._find_evidence__(self.message_id)
        except MailboxUnavailable:
            self._look_later()
            return
        if evidence == "present":
            self.integration_id.evidence_proven_at = fields.Datetime.now()
            self.mail_id._record_accepted(self, self.env._("Found in the mailbox after an interruption"))
            return
        self.evidence_looks += 1
        waited = (fields.Datetime.now() - self.handed_over_at).total_seconds()
        grace = self.integration_id._evidence_grace()
        if self.integration_id._evidence_is_proven() and waited >= grace and self.evidence_looks >= MIN_LOOKS:
            self._queue_again()
        else:
            self._look_later()

    def _look_later(self):
        """What stays unclear for a day is shown to a person, once."""
        at = fields.Datetime.now() + LOOK_EVERY
        self.next_try_at = at
        self.env.ref("lokario_billing.ir_cron_settle_deliveries").sudo()._trigger(at)
        since = self.handed_over_at or self.create_date
        if not self.told_uncertain and (self.route != "mailbox" or since < fields.Datetime.now() - UNCERTAIN_AFTER):
            self.told_uncertain = True
            self._ask_somebody(self.cause)

    def _queue_sent_copy(self, skipped):
        raw = base64.b64decode(self.with_context(bin_size=False).eml)
        own = self.integration_id._sender_addresses()[0]
        hidden = self.hidden_copy and own not in skipped
        self.integration_id._queue_sent_copy(self.message_id, raw, hidden_copy=hidden)

    def _company_hold(self):
        """Return (until, cause) of what keeps the mails of this mailbox waiting."""
        self.ensure_one()
        mailbox = self.integration_id
        if mailbox.sending_hold_until and mailbox._is_sending_held():
            return mailbox.sending_hold_until, mailbox.sending_hold_text
        before = self.search(
            [
                ("company_id", "=", self.company_id.id),
                ("route", "=", self.route),
                ("state", "in", ("retry", "hold", "uncertain")),
                ("next_try_at", ">", fields.Datetime.now()),
            ],
            order="next_try_at desc",
            limit=1,
        )
        return (before.next_try_at or fields.Datetime.now() + HOLD), before.cause or self.env._(
            "The mailbox is paused."
        )

    @api.model
    def _latest_of(self, records):
        """Return {record id: its latest delivery}."""
        deliveries = self.sudo().search([("res_model", "=", records._name), ("res_id", "in", records.ids)], order="id")
        return {delivery.res_id: delivery for delivery in deliveries}


class WorkerLocks:
    """The mails this worker holds: advisory locks on a session of its own, freed by PostgreSQL when the worker dies."""

    def __init__(self, env):
        self._env = env

    def __enter__(self):
        self._cursor = self._env.registry.cursor()
        return self

    def __exit__(self, *_exc):
        self._cursor.execute("SELECT pg_advisory_unlock_all()")
        self._cursor.close()

    def take(self, mail_id: int) -> bool:
        """Whether nobody alive has this mail; it is then ours until released."""
        self._cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK_SPACE, mail_id])
        taken = self._cursor.fetchone()[0]
        self._cursor.commit()  # pylint: disable=invalid-commit  # the lock is the session's, not the transaction's
        return taken

    def release(self, mail_id: int) -> None:
        self._cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK_SPACE, mail_id])
        self._cursor.commit()  # pylint: disable=invalid-commit
