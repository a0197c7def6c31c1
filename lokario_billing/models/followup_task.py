from odoo import api, models
from odoo.tools import format_date


class FollowupTask(models.AbstractModel):
    """What a follow-up asks of its responsible person, as an activity in the language he reads."""

    _name = "lokario.followup.task"
    _description = "Activity that a follow-up asks for"

    @api.model
    def _schedule(self, followup, question, detail=None):
        user = followup.company_id._person_for(followup, followup.user_id)
        if not user:
            return
        summary = self.with_context(lang=user.lang)._text(followup, question, detail)
        known = followup.activity_search(["mail.mail_activity_data_todo"], user_id=user.id)
        if summary not in known.mapped("summary"):
            followup.activity_schedule("mail.mail_activity_data_todo", summary=summary, user_id=user.id)

    @api.model
    def _text(self, followup, question, detail):
        if question == "level":  # a call or a letter
            return detail.with_env(self.env).name
        promised = format_date(self.env, followup.promised_until)
        return {
            "not_arrived": self.env._("The invoice is late and has not reached the customer: send it."),
            "bank_money": self.env._("Money on the bank statement fits this invoice: match it."),
            "no_recipient": self.env._("No contact can be written to: archived, blocked or without an address."),
            "promises": self.env._("The customer promised %(count)s times: nothing waits any more.", count=detail),
            "broken": self.env._("The customer did not pay on the day he promised: %(day)s.", day=promised),
            "disputed": self.env._("The customer disputes this document."),
            "answered": self.env._("The customer has answered: read it before reminders go on."),
            "failed": self.env._("A reminder could not be delivered: %(why)s", why=detail),
        }[question]
