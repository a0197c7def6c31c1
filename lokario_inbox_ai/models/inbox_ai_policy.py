from odoo import api, fields, models
from odoo.exceptions import ValidationError

MODES = [
    ("off", "Off"),
    ("suggest", "Suggest"),
    ("approve", "Draft for approval"),
    ("auto", "Answer automatically"),
]


class InboxAiPolicy(models.Model):
    """What AI may do with the mail of a mailbox and folder; “auto” sends approved passages only."""

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
    to_drafts_folder = fields.Boolean("Also in the mailbox's Drafts folder")

    _policy_uniq = models.UniqueIndex(
        "(integration_id, COALESCE(category_id, 0))", "This mailbox and folder already have a policy."
    )

    @api.constrains("integration_id", "category_id")
    def _check_company(self):
        for policy in self:
            if policy.category_id and policy.category_id.company_id != policy.integration_id.company_id:
                raise ValidationError(self.env._("Folder and mailbox belong to the same company."))

    @api.model
    def _for(self, conversation):
        """Return the policy of a conversation: its folder's, else its mailbox's, else none."""
        policies = self.sudo().search([("integration_id", "=", conversation.integration_id.id)])
        own = policies.filtered(lambda policy: policy.category_id == conversation.category_id)
        return own[:1] or policies.filtered(lambda policy: not policy.category_id)[:1]
