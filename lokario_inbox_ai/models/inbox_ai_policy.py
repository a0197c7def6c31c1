from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.lokario_base.tools.confidence import lower_bound

MODES = [
    ("off", "Off"),
    ("suggest", "Suggest"),
    ("approve", "Draft for approval"),
    ("auto", "Answer automatically"),
]
SAMPLE_EVERY = 10  # in mode auto, one draft in so many still goes to a person: trust must stay measured


class InboxAiPolicy(models.Model):
    """What AI may do with the mail of a mailbox and folder. "Auto" is earned, and lost again."""

    _name = "inbox.ai.policy"
    _inherit = ["lokario.access.mixin"]
    _description = "AI Policy"
    _order = "integration_id, category_id"
    _rec_name = "integration_id"

    integration_id = fields.Many2one(
        "inbox.integration", string="Mailbox", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="integration_id.company_id", store=True, index=True)
    category_id = fields.Many2one(
        "inbox.category",
        string="Folder",
        index=True,
        ondelete="cascade",
        domain="[('company_id', '=', company_id)]",
        help="Left empty: every folder without a policy of its own.",
    )
    mode = fields.Selection(MODES, required=True, default="off")
    allowed_promises = fields.Char(
        help="Kinds of promises that automatic answers may make here, separated by commas: refund, discount, free, "
        "guarantee, contract, legal, download … Left empty: none."
    )
    to_drafts_folder = fields.Boolean("Also in the mailbox's Drafts folder")
    threshold = fields.Float(
        "Acceptance to earn",
        default=0.8,
        help="“Auto” needs at least this share of accepted drafts, with 95 % certainty.",
    )
    window = fields.Integer("Drafts that count", default=50)
    acceptance = fields.Float(compute="_compute_trust", help="Share of the recent drafts that people sent unchanged.")
    acceptance_low = fields.Float(
        "Certain acceptance", compute="_compute_trust", help="Lower bound of Wilson's interval."
    )
    judged_count = fields.Integer("Judged drafts", compute="_compute_trust")
    is_earned = fields.Boolean("Trusted", compute="_compute_trust")

    _policy_uniq = models.UniqueIndex(
        "(integration_id, COALESCE(category_id, 0))", "This mailbox and folder already have a policy."
    )
    _threshold_check = models.Constraint(
        'CHECK(threshold BETWEEN 0.5 AND 1 AND "window" BETWEEN 10 AND 1000)',
        "The acceptance to earn is between 50 % and 100 %, over 10 to 1,000 drafts.",
    )

    @api.constrains("integration_id", "category_id")
    def _check_company(self):
        for policy in self:
            if policy.category_id and policy.category_id.company_id != policy.integration_id.company_id:
                raise ValidationError(self.env._("Folder and mailbox belong to the same company."))

    @api.depends("threshold", "window")
    def _compute_trust(self):
        for policy in self:
            judged = policy._judged()
            accepted = judged.filtered(lambda decision: decision.outcome == "approved")
            policy.judged_count = len(judged)
            policy.acceptance = len(accepted) / len(judged) if judged else 0.0
            policy.acceptance_low = lower_bound(len(accepted), len(judged))
            policy.is_earned = policy.acceptance_low >= policy.threshold

    def _judged(self):
        """The newest drafts that a person judged: sent unchanged, changed, thrown away, or taken back."""
        return (
            self.env["inbox.ai.decision"]
            .sudo()
            .search(
                [
                    ("policy_id", "=", self._origin.id or self.id),
                    ("purpose", "=", "reply"),
                    ("outcome", "in", ("approved", "edited", "rejected", "taken_back")),
                ],
                order="judged_at desc, id desc",
                limit=self.window,
            )
        )

    @api.model
    def _for(self, conversation):
        """Return the policy of a conversation: its folder's, else its mailbox's, else none."""
        policies = self.sudo().search([("integration_id", "=", conversation.integration_id.id)])
        own = policies.filtered(lambda policy: policy.category_id == conversation.category_id)
        return own[:1] or policies.filtered(lambda policy: not policy.category_id)[:1]

    def _may_send(self, message):
        """Whether this message may be answered without a person, as far as trust goes."""
        self.invalidate_recordset(["is_earned"])
        return self.mode == "auto" and self.is_earned and message.id % SAMPLE_EVERY != 0
