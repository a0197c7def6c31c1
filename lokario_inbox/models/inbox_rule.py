from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools.rule_match import Condition, matches

_TESTED = 500  # recent mails that the test button looks at
_SHOWN = 8


class InboxRule(models.Model):
    _name = "inbox.rule"
    _inherit = ["lokario.access.mixin"]
    _description = "Inbox rule"
    _order = "sequence, id"

    name = fields.Char(required=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", required=True, index=True, default=lambda self: self.env.company)
    integration_id = fields.Many2one(
        "inbox.integration",
        string="Mailbox",
        domain="[('company_id', '=', company_id)]",
        ondelete="cascade",
        help="Left empty, the rule holds for every mailbox of the company.",
    )
    match = fields.Selection(
        [("all", "All conditions"), ("any", "Any condition")], string="When", required=True, default="all"
    )
    condition_ids = fields.One2many("inbox.rule.condition", "rule_id", string="Conditions", copy=True)
    category_id = fields.Many2one(
        "inbox.category", string="File into", domain="[('company_id', '=', company_id)]", ondelete="cascade"
    )
    tag_ids = fields.Many2many("inbox.tag", string="Add tags", domain="[('company_id', '=', company_id)]")
    user_id = fields.Many2one("res.users", string="Assign to", domain="[('share', '=', False)]")
    set_state = fields.Selection(
        [("in_progress", "In progress"), ("resolved", "Resolved"), ("archived", "Archived"), ("spam", "Spam")],
        string="Set status",
    )
    set_urgent = fields.Boolean(string="Mark urgent")
    test_result = fields.Html(
        string="On existing mail", compute="_compute_test_result", sanitize=False, compute_sudo=False
    )
    hit_count = fields.Integer(compute="_compute_hit_count", string="Conversations")

    @api.depends_context("uid", "lang")
    def _compute_display_name(self):
        super()._compute_display_name()
        self._hide_unreadable_names()

    def _compute_hit_count(self):
        grouped = self.env["inbox.conversation"]._read_group([("rule_id", "in", self.ids)], ["rule_id"], ["__count"])
        counts = {rule.id: count for rule, count in grouped}
        for rule in self:
            rule.hit_count = counts.get(rule._origin.id, 0)

    @api.depends(
        "match",
        "integration_id",
        "company_id",
        "condition_ids.field",
        "condition_ids.operator",
        "condition_ids.value",
        "condition_ids.header",
    )
    def _compute_test_result(self):
        """Try the rule, saved or not, on the latest mails that the person may read."""
        for rule in self:
            mails = rule._test_sample()
            conditions = rule._conditions()
            hits = [mail for mail in mails if matches(conditions, mail._as_rule_mail(), match_all=rule.match == "all")]
            rule.test_result = self.env["ir.qweb"]._render(
                "lokario_inbox.rule_test_result",
                {"tested": len(mails), "hits": len(hits), "mails": hits[:_SHOWN], "has_conditions": bool(conditions)},
            )

    def _test_sample(self):
        domain = [("company_id", "=", self.company_id.id), ("direction", "=", "in")]
        if self.integration_id:
            domain.append(("integration_id", "=", self.integration_id._origin.id))
        return self.env["inbox.message"].search(domain, limit=_TESTED)

    @api.constrains("category_id", "integration_id", "user_id", "company_id")
    def _check_company(self, *args):
        for rule in self.sudo():
            owners = rule.category_id.company_id | rule.integration_id.company_id
            if owners - rule.company_id:
                raise ValidationError(self.env._("Folder and mailbox of a rule belong to its company."))
            if rule.user_id and rule.company_id not in rule.user_id.company_ids.parent_ids:
                raise ValidationError(self.env._("%s does not work for this company.", rule.user_id.name))

    # === MATCHING === #

    def _conditions(self):
        return [
            Condition(line.field, line.operator, line.value or "", line.header or "")
            for line in self.condition_ids
            if line.field and line.operator
        ]

    def _first_match(self, mail, integration):
        """Return the first rule of ``self`` (in order) that the mail fulfils."""
        for rule in self:
            if rule.integration_id and rule.integration_id != integration:
                continue
            if matches(rule._conditions(), mail, match_all=rule.match == "all"):
                return rule
        return self.browse()

    def _conversation_values(self):
        """Return what the rule writes on a conversation."""
        values = {"rule_id": self.id, "classified_by": "rule"}
        if self.category_id:
            values["category_id"] = self.category_id.id
        if self.user_id:
            values["user_id"] = self.user_id.id
        if self.set_state:
            values["state"] = self.set_state
        if self.set_urgent:
            values["is_urgent"] = True
        if self.tag_ids:
            values["tag_ids"] = [fields.Command.link(tag.id) for tag in self.tag_ids]
        return values

    # === CHANGES RE-CLASSIFY === #

    @api.model_create_multi
    def create(self, vals_list):
        rules = super().create(vals_list)
        rules.company_id._reclassify_inbox()
        return rules

    def write(self, vals):
        result = super().write(vals)
        if set(vals) - {"name", "sequence"} or "sequence" in vals:
            self.company_id._reclassify_inbox()
        return result

    def unlink(self):
        companies = self.company_id
        result = super().unlink()
        companies._reclassify_inbox()
        return result

    def action_open_conversations(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("lokario_inbox.inbox_conversation_action")
        return {**action, "domain": [("rule_id", "=", self.id)], "display_name": self.name}
