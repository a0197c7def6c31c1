from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError

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


class InboxOutgoing(models.Model):
    """The changes of state, each of them in one place, and who is told of them."""

    _inherit = "inbox.outgoing"

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
        self.filtered("conversation_id").conversation_id._announce_change()

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
        if cause == "answered":
            self._tell_author_of_answer()

    def _tell_author_of_answer(self):
        """A mail that a person scheduled does not vanish in silence."""
        for outgoing in self.filtered("is_scheduled"):
            outgoing.answer = self.env._("The customer wrote before it left.")
            outgoing._notify_author(self.env._("A scheduled mail was not sent"))

    def _after_sent(self):
        """Hook: the mail left for certain; ``self`` is one sudoed record."""
        if self.conversation_id.state == "new":
            self.conversation_id.state = "in_progress"

    def _notify_author(self, subject):
        target = self.conversation_id or self.integration_id
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
