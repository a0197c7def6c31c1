import base64
from datetime import timedelta

from odoo import api, fields, models, modules
from odoo.exceptions import AccessError
from odoo.tools import SQL, config

HOLD = timedelta(minutes=5)  # mails behind one that failed, when nothing better is known

NOT_HANDED_OVER = {"handed_over_at": False, "evidence_looks": 0}

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
    _inherit = ["lokario.access.mixin"]
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
    refused_recipients = fields.Char(string="Refused", help="Addresses of this mail that the server did not take")
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

    can_open_document = fields.Boolean(compute="_compute_can_open_document")

    _mail_uniq = models.UniqueIndex("(mail_id) WHERE mail_id IS NOT NULL")

    @api.depends_context("uid")
    @api.depends("res_model", "res_id")
    def _compute_can_open_document(self):
        for delivery in self:
            document = delivery._document()
            delivery.can_open_document = bool(document) and document.has_access("read")

    def _document(self):
        self.ensure_one()
        return self.env[self.res_model].browse(self.res_id).exists()

    def _documents(self):
        """Yield (existing documents, their deliveries) for each model."""
        for model, deliveries in self.grouped("res_model").items():
            documents = self.env[model].browse(deliveries.mapped("res_id")).exists()
            known = set(documents.ids)
            yield documents, deliveries.filtered(lambda delivery, known=known: delivery.res_id in known)

    def _follow_route(self, route):
        """The company's set-up may have changed since the mail was written."""
        mailbox = route.carrier if route.kind == "mailbox" else self.env["inbox.integration"]
        moved = self.filtered(lambda each: (each.route, each.integration_id) != (route.kind, mailbox))
        moved.write({"route": route.kind, "integration_id": mailbox.id, "sender": route.address})

    def _set_sending(self, letters):
        """The intent, with the mails as they are about to leave; `letters`: {delivery: Letter}."""
        self.write({"state": "sending", "cause": False, "next_try_at": False} | NOT_HANDED_OVER)
        for delivery in self:
            letter = letters[delivery]
            delivery.write({"recipients": ", ".join(letter.recipients), "hidden_copy": bool(letter.hidden)})
        self._store_emls({delivery.id: letters[delivery].raw for delivery in self})

    def _store_emls(self, raws):
        """Store the bytes of many mails at once, in the attachments of the field."""
        files = self.env["ir.attachment"].sudo()
        domain = [("res_model", "=", self._name), ("res_field", "=", "eml"), ("res_id", "in", list(raws))]
        known = files.search(domain).grouped("res_id")
        for res_id, file in known.items():
            file.raw = raws[res_id]
        values = {"name": "eml", "res_model": self._name, "res_field": "eml", "type": "binary"}
        files.create([{**values, "res_id": res_id, "raw": raw} for res_id, raw in raws.items() if res_id not in known])
        self.invalidate_recordset(["eml"])

    def _last_look(self):
        """Return a call that says, under lock, whether the mail still is to leave."""
        document = self.env[self.res_model].sudo().browse(self.res_id)
        return document._last_look() if hasattr(document, "_last_look") else lambda: True

    def _hand_over(self) -> bool:
        """Record that the mail may have left from now on; False when somebody stopped it meanwhile."""
        self.env.flush_all()
        row = self.env.execute_query(
            SQL(
                """
            UPDATE lokario_delivery d SET handed_over_at = %s, attempts = coalesce(attempts, 0) + 1 FROM mail_mail m
             WHERE d.id = %s AND d.state = 'sending' AND m.id = d.mail_id AND m.state = 'outgoing' RETURNING d.id
            """,
                fields.Datetime.now(),
                self.id,
            )
        )
        self.invalidate_recordset(["handed_over_at", "attempts"])
        return bool(row)

    def _set_accepted(self, answer, refused=()):
        """The server said 250; `refused`: (address, its words) of those who did not get the mail beside the others."""
        accepted = {"state": "sent", "sent_at": fields.Datetime.now(), "server_answer": answer}
        names = ", ".join(address for address, _words in refused)
        cause = refused and self.with_context(lang=self._lang()).env._(
            "Not everybody got the mail: %(answers)s", answers="; ".join(f"{name}: {words}" for name, words in refused)
        )
        self.write(accepted | {"refused_recipients": names, "cause": cause or False, "next_try_at": False})
        if refused:
            self._ask_somebody(cause)

    def _siblings(self):
        """Return those that share their Message-ID with an earlier one: a mailbox cannot tell them apart."""
        firsts = dict(self._read_group([("message_id", "in", self.mapped("message_id"))], ["message_id"], ["id:min"]))
        return self.filtered(lambda delivery: firsts[delivery.message_id] != delivery.id)

    def _has_siblings(self):
        return self.search_count([("message_id", "=", self.message_id)], limit=2) > 1

    def _set_queued(self):
        self.write({"state": "queued", "cause": False, "next_try_at": False} | NOT_HANDED_OVER)

    def _set_waiting(self, state, cause, next_try_at, answer=""):
        self.write({"state": state, "cause": cause, "next_try_at": next_try_at, "server_answer": answer})
        self._tell_documents()

    def _set_failed(self, cause, answer=""):
        """Nothing more is tried: a person must change something."""
        self.write({"state": "failed", "cause": cause, "next_try_at": False, "server_answer": answer})
        self._tell_documents()
        self._ask_somebody(cause)

    def _set_cancelled(self, cause):
        self.write({"state": "cancelled", "cause": cause, "next_try_at": False})
        self._tell_documents()

    def _tell_documents(self):
        """Documents that want to know what became of their mails define `_deliveries_changed`."""
        for documents, deliveries in self._documents():
            if hasattr(documents, "_deliveries_changed"):
                documents._deliveries_changed(deliveries)

    def _ask_somebody(self, cause):
        for delivery in self:
            document = delivery._document()
            if (
                document
                and hasattr(document, "activity_schedule")
                and delivery.res_model != "lokario.followup.reminder"
            ):
                names = [name for name in ("user_id", "invoice_user_id") if name in document]
                people = self.env["res.users"].concat(*(document[name] for name in names))
                user = delivery.company_id._person_for(document, people)
                if user:
                    document.activity_schedule(
                        "mail.mail_activity_data_warning",
                        summary=self.with_context(lang=user.lang).env._("The mail was not delivered"),
                        note=cause,
                        user_id=user.id,
                    )

    def _lang(self):
        """The language in which a company reads what became of its mails."""
        return self.company_id[:1].partner_id.lang or self.env.lang

    def action_open_document(self):
        self.ensure_one()
        return self._document().get_formview_action()

    def action_try_again(self):
        """A person has mended what was wrong."""
        deliveries_sudo = self._handled_by_hand()
        failed = deliveries_sudo.filtered(lambda each: each.mail_id and each.state in ("failed", "retry", "hold"))
        failed.mail_id.write({"state": "outgoing", "scheduled_date": False})
        failed.write({"attempts": 0})
        failed._set_queued()
        failed._tell_documents()
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()

    def action_was_delivered(self):
        """A person knows that it arrived."""
        for delivery in self._handled_by_hand().filtered(lambda delivery: delivery.state == "uncertain"):
            delivery._settle_sent(self.env._("Confirmed by hand"))

    def _handled_by_hand(self):
        """Return the deliveries (sudo) for a person who works with them: only the buttons change their state."""
        self.check_access("read")
        if not self.env.user.has_group("lokario_billing.group_lokario_billing_user"):
            raise AccessError(self.env._("Only people who work with follow-ups may change deliveries."))
        return self.sudo()

    def _queue_sent_copies(self, skipped):
        for mailbox, deliveries in (
            self.filtered(lambda each: each.route == "mailbox").grouped("integration_id").items()
        ):
            own = mailbox._sender_addresses()[0]
            mailbox._queue_sent_copies(
                [
                    (
                        delivery.message_id,
                        base64.b64decode(delivery.eml),
                        delivery.hidden_copy and own not in skipped.get(delivery.mail_id.id, ()),
                    )
                    for delivery in deliveries.with_context(bin_size=False)
                ]
            )

    def _company_hold(self):
        """Return (until, cause) of what keeps the mails of this mailbox waiting."""
        self.ensure_one()
        mailbox = self.integration_id
        if mailbox.sending_hold_until and mailbox._is_sending_held():
            return mailbox.sending_hold_until, mailbox.with_context(lang=self._lang())._sending_problem()
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


def is_real(env):
    """Whether the transaction is a real one: a test's own, on the database under test, is never ended."""
    return not modules.module.current_test or env.cr.dbname not in config["db_name"]


def may_commit(env):
    return is_real(env) or bool(env.context.get("ir_cron_progress_id"))


def commit(env):
    """End a step: what follows may be interrupted for ever."""
    if may_commit(env):
        env.cr.commit()  # pylint: disable=invalid-commit  # intent, act and record are separate transactions
