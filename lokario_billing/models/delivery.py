import base64

from odoo import api, fields, models

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
    eml = fields.Binary(string="Mail as sent", attachment=True)

    _mail_uniq = models.UniqueIndex("(mail_id) WHERE mail_id IS NOT NULL")

    def _document(self):
        self.ensure_one()
        return self.env[self.res_model].browse(self.res_id).exists()

    def _set_sending(self, raw=None):
        """The intent, with the mail as it is about to leave."""
        values = {"state": "sending", "attempts": self.attempts + 1, "cause": False, "next_try_at": False}
        if raw:
            values["eml"] = base64.b64encode(raw)
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

    def _set_uncertain(self, cause):
        self.write({"state": "uncertain", "cause": cause, "next_try_at": False})
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

    @api.model
    def _latest_of(self, records):
        """Return {record id: its latest delivery}."""
        deliveries = self.sudo().search([("res_model", "=", records._name), ("res_id", "in", records.ids)], order="id")
        return {delivery.res_id: delivery for delivery in deliveries}
