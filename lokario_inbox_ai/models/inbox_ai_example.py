from odoo import api, fields, models

MAX_EXAMPLES = 20  # newest corrections shown to the model
MAX_LINE = 200  # characters of a mail in an example


class InboxAiExample(models.Model):
    """A correction by a person: this mail belongs there. Shown to the model, or made a rule with one click."""

    _name = "inbox.ai.example"
    _inherit = ["lokario.access.mixin"]
    _description = "AI Filing Example"
    _order = "id desc"
    _rec_name = "text"

    company_id = fields.Many2one("res.company", required=True, index=True, ondelete="cascade")
    category_id = fields.Many2one("inbox.category", string="Folder", required=True, ondelete="cascade")
    conversation_id = fields.Many2one("inbox.conversation", ondelete="set null")
    address = fields.Char("Sender")
    text = fields.Char(required=True)
    rule_id = fields.Many2one("inbox.rule", readonly=True, ondelete="set null")

    @api.model
    def _remember(self, conversation, category_id):
        message = conversation._last_message_of_customer()
        line = " ".join(f"{message.subject or ''}: {message.body_text or ''}".split())[:MAX_LINE]
        return self.create(
            {
                "company_id": conversation.company_id.id,
                "category_id": category_id,
                "conversation_id": conversation.id,
                "address": message.from_address or "",
                "text": line or "-",
            }
        )

    @api.model
    def _for(self, company):
        """Return (mail in one line, folder name) pairs for a prompt, oldest first; none of private mail."""
        domain = [("company_id", "=", company.id), ("conversation_id.owner_id", "=", False)]
        examples = self.search(domain, limit=MAX_EXAMPLES)
        return tuple((example.text, example.category_id.name) for example in reversed(examples))

    def action_make_rule(self):
        """Make a rule: mail of this sender belongs into this folder."""
        self.ensure_one()
        self.check_access("write")
        if not self.rule_id:
            self.rule_id = self.env["inbox.rule"].create(
                {
                    "name": self.env._("From %s", self.address),
                    "company_id": self.company_id.id,
                    "category_id": self.category_id.id,
                    "condition_ids": [
                        fields.Command.create({"field": "sender", "operator": "contains", "value": self.address})
                    ],
                }
            )
        return {
            "type": "ir.actions.act_window",
            "res_model": "inbox.rule",
            "res_id": self.rule_id.id,
            "views": [(False, "form")],
        }
