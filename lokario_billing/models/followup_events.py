from odoo import fields, models
from odoo.tools import format_date

ASKING = ("not_arrived", "bank_money", "no_recipient")  # why a late document waits for a person


class Followup(models.Model):
    """What customers and colleagues do, and what it changes for the reminders."""

    _inherit = "lokario.followup"

    def _set_promised_until(self, promises):
        self.ensure_one()
        given = promises.filtered(lambda promise: not promise.withdrawn)
        by_customer = given.filtered("by_customer").sorted("id")
        allowed = self.company_id.followup_promises
        self.promised_until = max((given - by_customer[allowed:]).mapped("promised_for"), default=False)
        if len(by_customer) > allowed:
            self._ask_responsible("promises", len(by_customer))
        self._refresh_plan()

    def _why_changed(self, before):
        """Some reasons are work for a person; a payment that was only announced is one line of history."""
        given = self.promised_until
        if before == "promised" and self.state != "done" and given and given < self.company_id._followup_today():
            self._ask_responsible("broken")
        if self.why in ASKING and self.days_late > 0:
            self._ask_responsible(self.why)
        if self.why == "payment_pending":
            self._message_log(body=self.env._("A payment was announced or is under way: reminders wait for some days."))

    def _may_promise(self):
        """Whether one more promise of the customer would pause the reminders."""
        known = self.promise_ids.filtered(lambda promise: promise.by_customer and not promise.withdrawn)
        return len(known) < self.company_id.followup_promises

    def _set_disputed(self, disputed):
        self.ensure_one()
        self.disputed = disputed
        self._refresh_plan()
        if disputed:
            self._ask_responsible("disputed")

    def _reply_received(self, conversation=None):
        """A person answered: nothing more goes out before somebody has handled the answer.

        The hook that lokario_inbox's links and the chatter of invoices, quotes and reminders call; automatic answers
        and bounces never come here.
        """
        open_followups = self.filtered(lambda followup: followup.state != "done" and not followup.answer_pending)
        if not open_followups:
            return
        values = {"answered_at": fields.Datetime.now(), "answer_pending": True}
        if conversation:
            values["conversation_id"] = conversation.id
        open_followups.with_context(tracking_disable=True).write(values)  # the timeline says it
        for followup in open_followups:
            latest = followup.step_ids.filtered(lambda step: step.state in ("sent", "read"))[:1]
            latest.write({"state": "answered", "conversation_id": followup.conversation_id.id})
            followup._ask_responsible("answered")
        open_followups._refresh_plan()

    def _ask_responsible(self, question, detail=None):
        """Give the responsible person something to do, in the language he reads."""
        self.ensure_one()
        user = self.company_id._person_for(self, self.user_id)
        if not user:
            return
        summary = self.with_context(lang=user.lang)._question_in_words(question, detail)
        known = self.activity_search(["mail.mail_activity_data_todo"], user_id=user.id)
        if summary not in known.mapped("summary"):
            self.activity_schedule("mail.mail_activity_data_todo", summary=summary, user_id=user.id)

    def _question_in_words(self, question, detail):
        if question == "level":  # a call or a letter
            return detail.with_env(self.env).name
        promised = format_date(self.env, self.promised_until)
        return {
            "not_arrived": self.env._("The invoice is late and has not reached the customer: send it."),
            "bank_money": self.env._("Money on the bank statement fits this invoice: match it."),
            "no_recipient": self.env._("Nobody can be written to: the contact is archived, blocked or has no address."),
            "promises": self.env._("The customer promised %(count)s times: nothing waits any more.", count=detail),
            "broken": self.env._("The customer did not pay on the day he promised: %(day)s.", day=promised),
            "disputed": self.env._("The customer disputes this document."),
            "answered": self.env._("The customer has answered: read it before reminders go on."),
            "failed": self.env._("A reminder could not be delivered: %(why)s", why=detail),
        }[question]
