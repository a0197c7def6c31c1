from odoo import fields, models


class Followup(models.Model):
    """What customers and colleagues do, and what it changes for the reminders."""

    _inherit = "lokario.followup"

    def _set_promised_until(self, promises):
        self.ensure_one()
        days = promises.filtered(lambda promise: not promise.withdrawn).mapped("promised_for")
        self.promised_until = max(days, default=False)
        self._refresh_plan()

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
        return {
            "disputed": self.env._("The customer disputes this document."),
            "answered": self.env._("The customer has answered: read it before reminders go on."),
            "failed": self.env._("A reminder could not be delivered: %(why)s", why=detail),
        }[question]
