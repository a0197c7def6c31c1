"""What customers ask: when a mail may be about it, and whether its answers have earned to leave automatically."""

from datetime import timedelta

from odoo import api, fields, models

from ..tools.sensitive_mail import is_about

JUDGED = ("approved", "edited", "rejected", "taken_back")


class InboxAnswerIntent(models.Model):
    """A question that is answered by approved passages. In its trial a person sends each answer."""

    _name = "inbox.answer.intent"
    _inherit = ["lokario.access.mixin"]
    _description = "Question of Customers"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True, help="Lower-case letters and underscores: what a model calls it.")
    description = fields.Char(translate=True, help="Which mails are meant, for the model.")
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", required=True, index=True, default=lambda self: self.env.company)
    words = fields.Text(
        help="Separated by commas: an automatic answer leaves only to a mail that holds the beginning of one of these "
        "words, and words of no other question. Accents and case do not matter."
    )
    is_automatic = fields.Boolean("Answer automatically", help="Once the trial is over, where the policy allows it.")
    trial_cases = fields.Integer(
        "Answers in the trial", default=10, help="So many answers are sent by a person first; the newest ones count."
    )
    trial_days = fields.Integer(
        "Or days", help="The trial also ends after so many days with at least one answer; 0: only by their number."
    )
    trial_share = fields.Float(
        "Share to reach", default=0.9, help="Of these answers, sent unchanged: below it, a person sends them again."
    )
    block_ids = fields.Many2many("inbox.answer.block", string="Passages")
    decision_ids = fields.One2many("inbox.ai.decision", "intent_id")
    judged_count = fields.Integer("Judged answers", compute="_compute_trial")
    accepted_count = fields.Integer("Sent unchanged", compute="_compute_trial")
    is_earned = fields.Boolean("Trial passed", compute="_compute_trial")
    trial_text = fields.Char("Trial", compute="_compute_trial")

    _code_uniq = models.Constraint("UNIQUE(company_id, code)", "Another question of the company has this code.")
    _code_check = models.Constraint(
        "CHECK(code ~ '^[a-z][a-z_]{1,38}$')", "The code of a question holds lower-case letters and underscores only."
    )
    _trial_check = models.Constraint(
        "CHECK(trial_cases BETWEEN 1 AND 1000 AND trial_days BETWEEN 0 AND 365 AND trial_share BETWEEN 0.5 AND 1)",
        "A trial has 1 to 1,000 answers, at most 365 days, and a share between 50 % and 100 %.",
    )

    @api.depends("trial_cases", "trial_days", "trial_share")
    def _compute_trial(self):
        for intent in self:
            judged = intent._judged()
            accepted = sum(decision.outcome == "approved" for decision in judged)
            intent.judged_count, intent.accepted_count = len(judged), accepted
            enough = bool(judged) and accepted >= intent.trial_share * len(judged)
            intent.is_earned = enough and (len(judged) >= intent.trial_cases or intent._trial_days_over())
            intent.trial_text = self.env._(
                "%(accepted)s of the last %(judged)s sent unchanged", accepted=accepted, judged=len(judged)
            )

    def _composed_domain(self):
        return [
            ("intent_id", "=", self._origin.id or self.id),
            ("is_composed", "=", True),
            ("outcome", "in", JUDGED),
        ]

    def _judged(self):
        """The newest composed answers that a person judged."""
        decisions = self.env["inbox.ai.decision"].sudo()
        return decisions.search(self._composed_domain(), order="judged_at desc, id desc", limit=self.trial_cases)

    def _trial_days_over(self):
        if not self.trial_days:
            return False
        first = self.env["inbox.ai.decision"].sudo().search(self._composed_domain(), order="judged_at, id", limit=1)
        return bool(first.judged_at) and first.judged_at <= fields.Datetime.now() - timedelta(days=self.trial_days)

    @api.model
    def _for(self, company):
        return self.sudo().search([("company_id", "=", company.id)])

    def _spoken_of(self, text):
        """Return the questions whose words stand in a mail."""
        return self.filtered(lambda intent: is_about(intent.words or "", text))
