from odoo import fields, models


class InboxCategory(models.Model):
    """A folder of the inbox that rules, AI and people fill; the mailbox itself is not touched."""

    _name = "inbox.category"
    _inherit = ["lokario.access.mixin"]
    _description = "Inbox folder"
    _order = "sequence, name, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", required=True, index=True, default=lambda self: self.env.company)
    description = fields.Text(
        help="What belongs here, in plain words. Used for mail that no rule matches, when AI is switched on."
    )
    color = fields.Integer()
    icon = fields.Char(default="fa-folder-o", help="Font Awesome class shown in front of the folder.")
    is_newsletter = fields.Boolean(string="Newsletters", help="Mail recognised as a newsletter is filed here.")
    rule_ids = fields.One2many("inbox.rule", "category_id", string="Rules")
    conversation_count = fields.Integer(compute="_compute_conversation_count")

    _newsletter_uniq = models.UniqueIndex(
        "(company_id) WHERE is_newsletter IS TRUE AND active IS TRUE",
        "A company has one folder for newsletters only.",
    )

    def _compute_conversation_count(self):
        grouped = self.env["inbox.conversation"]._read_group(
            [("category_id", "in", self.ids)], ["category_id"], ["__count"]
        )
        counts = {category.id: count for category, count in grouped}
        for category in self:
            category.conversation_count = counts.get(category.id, 0)

    def action_open_conversations(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("lokario_inbox.inbox_conversation_action")
        return {**action, "domain": [("category_id", "=", self.id)], "display_name": self.name}
