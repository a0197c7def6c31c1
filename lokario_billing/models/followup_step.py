from odoo import api, fields, models

from ..tools import followup_plan

STEP_STATES = [
    ("prepared", "Prepared"),
    ("sending", "Being sent"),
    ("retry", "Held, will be tried again"),
    ("uncertain", "Outcome unknown"),
    ("sent", "Sent"),
    ("read", "Read"),
    ("answered", "Answered"),
    ("todo", "Call or letter to do"),
    ("done", "Call or letter done"),
    ("failed", "Failed"),
    ("cancelled", "Cancelled"),
]
ARRIVED = ("sent", "read", "answered", "done")
# what may follow each state; a step knows of reading and answers, its reminder does not
ON_ITS_WAY = {"prepared", "sending", "retry", "uncertain"}
TRANSITIONS = {
    **dict.fromkeys(ON_ITS_WAY, ON_ITS_WAY | {"sent", "failed", "cancelled", "todo"}),
    "sent": {"read", "answered", "failed"},
    "read": {"answered", "failed"},
    "answered": set(),
    "todo": {"done", "failed", "cancelled"},
    "done": {"failed"},
    "failed": ON_ITS_WAY | {"sent", "cancelled"},
    "cancelled": set(),
}


class FollowupStep(models.Model):
    """One document reminded at one level: the unique index is what makes a level impossible to send twice."""

    _name = "lokario.followup.step"
    _inherit = ["lokario.access.mixin"]
    _description = "Follow-up history"
    _order = "sent_at desc, id desc"

    followup_id = fields.Many2one("lokario.followup", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="followup_id.company_id", store=True, index=True, precompute=True)
    customer_id = fields.Many2one(related="followup_id.customer_id", store=True, index=True, precompute=True)
    reminder_id = fields.Many2one("lokario.followup.reminder", ondelete="restrict", index=True)
    level_id = fields.Many2one("lokario.followup.level", ondelete="restrict")
    cycle = fields.Char(required=True)
    sequence = fields.Integer(required=True)
    channel = fields.Selection(
        lambda self: self.env["lokario.followup.level"]._fields["channel"]._description_selection(self.env),
        default="email",
    )
    state = fields.Selection(STEP_STATES, required=True, default="prepared", index=True)
    sent_at = fields.Datetime(string="On", required=True, default=fields.Datetime.now)
    user_id = fields.Many2one("res.users", string="By", default=lambda self: self.env.user)
    due_date = fields.Date()
    amount = fields.Monetary()
    currency_id = fields.Many2one(related="company_id.currency_id")
    claim_amount = fields.Monetary(currency_field="claim_currency_id", help="The same in the document's currency")
    credit_amount = fields.Monetary(
        string="Credit deducted",
        currency_field="claim_currency_id",
        help="Unmatched payments and credit notes of the customer that cover a part of the claim",
    )
    claim_currency_id = fields.Many2one(related="followup_id.claim_currency_id")
    why = fields.Char(string="Reason")

    _level_uniq = models.UniqueIndex(
        "(followup_id, cycle, sequence) WHERE state NOT IN ('cancelled', 'failed')",
        "This level was already sent for this document.",
    )

    def _plan_step(self):
        return followup_plan.Step(
            self.followup_id.id,
            self.customer_id.id,
            self.cycle,
            self.sequence,
            self.sent_at,
            self.reminder_id.partner_id.id,
        )

    @api.model
    def _latest_of_debts(self, partner, company):
        """Return the steps that reached a customer about invoices which are not paid."""
        return self.search(
            [
                ("customer_id", "=", partner.commercial_partner_id.id),
                ("company_id", "=", company.id),
                ("state", "in", ARRIVED),
                ("followup_id.move_id", "any", self.env["lokario.followup.run"]._open_invoices()),
            ]
        )

    def _set_state(self, state, **values):
        """Go on to a state; steps from which no way leads there stay what they are."""
        self.filtered(lambda step: state in TRANSITIONS[step.state]).write({"state": state, **values})

    def _set_read(self):
        self._set_state("read")

    def _set_answered(self):
        self._set_state("answered")

    def _claimed_instalments(self, today):
        """Return [(due date, amount in the company's currency)] of what fell due, less the credit: the oldest first."""
        credit = self.amount * self.credit_amount / self.claim_amount if self.claim_amount else 0.0
        claimed = []
        for due, amount in sorted(self.followup_id.move_id._late_instalments(today)):
            covered = min(amount, credit)
            credit -= covered
            claimed.append((due, amount - covered))
        return claimed

    def _is_decided_by(self, decision, level):
        """Whether a decision is the one that this step was made by."""
        if not decision or not decision.send:
            return False
        document, currency = decision.document, self.claim_currency_id
        if (document.cycle, decision.level.sequence) != (self.cycle, level.sequence):
            return False
        same_claim = not currency.compare_amounts(document.claim, self.claim_amount)
        return same_claim and not currency.compare_amounts(document.credit_claim, self.credit_amount)
