from odoo import api, models
from odoo.tools import format_date

ACTIVITY = "mail.mail_activity_data_todo"


class FollowupTask(models.AbstractModel):
    """What a follow-up asks of its responsible person, as an activity in the language he reads."""

    _name = "lokario.followup.task"
    _description = "Activity that a follow-up asks for"

    @api.model
    def _schedule(self, followup, question, detail, values):
        user = followup.company_id._person_for(followup, followup.user_id)
        if not user:
            return
        summary = self.with_context(lang=user.lang)._text(followup, question, detail)
        known = followup.activity_search([ACTIVITY], user_id=user.id)
        if summary not in known.mapped("summary"):
            followup.activity_schedule(ACTIVITY, summary=summary, user_id=user.id, **values)

    @api.model
    def _finish(self, followup, question, detail=None):
        """End what was asked, in whichever language."""
        texts = {
            self.with_context(lang=lang)._text(followup, question, detail)
            for lang, _name in self.env["res.lang"].get_installed()
        }
        known = followup.sudo().activity_search([ACTIVITY])
        known.filtered(lambda activity: activity.summary in texts).action_feedback()

    @api.model
    def _text(self, followup, question, detail):
        if question == "level":  # a call or a letter
            return detail.with_env(self.env).name
        promised = format_date(self.env, followup.promised_until)
        return {
            "not_arrived": self.env._("The invoice is late and has not reached the customer: send it."),
            "bank_money": self.env._("Money on the bank statement fits this invoice: match it."),
            "bank_sum": self.env._(
                "A payment on the bank statement has the sum of this invoice and no name: match it. Until then, for 30 "
                "days at most, every customer who owes this sum is only reminded by hand."
            ),
            "no_recipient": self.env._("No contact can be written to: archived, blocked or without an address."),
            "do_not_contact": self.env._("This customer must not be contacted: decide what becomes of the claim."),
            "plan": self.env._("An instalment of the payment plan was not paid: reminders go on."),
            "promises": self.env._("Promises of the customer so far: %(count)s. Nothing waits any more.", count=detail),
            "broken": self.env._("The customer did not pay on the day he promised: %(day)s.", day=promised),
            "disputed": self.env._("The customer disputes this document."),
            "answered": self.env._("The customer has answered: read it before reminders go on."),
            "failed": self.env._("A reminder could not be delivered: %(why)s", why=detail),
        }[question]
