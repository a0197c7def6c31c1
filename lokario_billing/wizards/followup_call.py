from datetime import date

from odoo import api, fields, models
from odoo.exceptions import UserError

OUTCOMES = [
    ("promise", "Promises to pay"),
    ("dispute", "Disputes it"),
    ("answer", "Answers something else"),
    ("no_answer", "No answer"),
    ("wrong", "Wrong number"),
]


class FollowupCall(models.TransientModel):
    """What a customer said on the phone: the note pauses the reminders as a mail of his would."""

    _name = "lokario.followup.call"
    _inherit = ["lokario.access.mixin"]
    _description = "Phone note"

    followup_id = fields.Many2one("lokario.followup", required=True, ondelete="cascade")
    reminder_id = fields.Many2one("lokario.followup.reminder", ondelete="cascade", readonly=True)
    phone = fields.Char(compute="_compute_phone")
    script = fields.Text(compute="_compute_phone", string="What to say")
    outcome = fields.Selection(OUTCOMES, required=True, default="answer")
    note = fields.Text(string="What was said")
    promised_for = fields.Date(string="Will pay on")
    promised_amount = fields.Monetary(string="Will pay", help="0 = all that is due")
    currency_id = fields.Many2one(related="followup_id.currency_id")

    @api.depends("followup_id", "reminder_id")
    def _compute_phone(self):
        for call in self:
            followup_sudo, reminder_sudo = call.followup_id.sudo(), call.reminder_id.sudo()
            call.phone = (reminder_sudo.partner_id or followup_sudo._recipient()).phone if followup_sudo else False
            call.script = reminder_sudo.level_id.script

    @api.model
    def _dialog(self, followup, reminder=None):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Phone note"),
            "res_model": self._name,
            "view_mode": "form",
            "target": "new",
            "context": {"default_followup_id": followup.id, "default_reminder_id": reminder and reminder.id},
        }

    def action_save(self):
        """Note the call, and do what its outcome means."""
        self.ensure_one()
        self.followup_id.check_access("write")
        getattr(self, f"_save_{self.outcome}")()
        self._log()
        return {"type": "ir.actions.act_window_close"}

    def _followups(self):
        return self.reminder_id.step_ids.followup_id or self.followup_id

    def _save_promise(self):
        if not self.promised_for:
            raise UserError(self.env._("Choose the day on which he will pay."))
        promise = {"promised_for": self.promised_for, "note": self.note}
        self.env["lokario.followup.promise"].create(
            [{**promise, "followup_id": followup.id, "amount": amount} for followup, amount in self._shares() if amount]
        )
        self.reminder_id.action_activity_done()

    def _shares(self):
        """Yield each document with its part of the sum that he will pay, the oldest first."""
        followups = self._followups().sorted(lambda followup: (followup.due_date or date.max, followup.id))
        left = self.promised_amount or sum(followups.mapped("amount"))
        for followup in followups:
            share = min(left, followup.amount)
            left = self.currency_id.round(left - share)
            yield followup, share

    def _save_dispute(self):
        reason = self._said()
        disputes = [{"followup_id": followup.id, "reason": reason} for followup in self._followups()]
        self.env["lokario.followup.dispute"].create(disputes)
        self.reminder_id.action_activity_done()

    def _save_answer(self):
        self._said()
        self._followups()._reply_received()
        self.reminder_id.action_activity_done()

    def _save_no_answer(self):
        """The call still is to be made."""

    def _save_wrong(self):
        self.reminder_id._end_activity("failed", self.env._("Wrong number"))

    def _said(self):
        if not (self.note or "").strip():
            raise UserError(self.env._("Write what was said."))
        return self.note

    def _log(self):
        outcome = dict(self._fields["outcome"]._description_selection(self.env))[self.outcome]
        body = self.env._("Phone: %(outcome)s. %(note)s", outcome=outcome, note=self.note or "")
        for followup in self._followups().sudo():
            followup.message_post(body=body, author_id=self.env.user.partner_id.id)
