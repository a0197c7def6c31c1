from odoo import api, fields, models


class InboxCannedAnswer(models.Model):
    """A text that people insert into answers."""

    _name = "inbox.canned.answer"
    _inherit = ["lokario.access.mixin"]
    _description = "Canned Answer"
    _order = "sequence, name, id"

    name = fields.Char(required=True, translate=True)
    shortcut = fields.Char(copy=False, help="Typed after a slash in the composer, such as /hours.")
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", index=True, default=lambda self: self.env.company)
    body_html = fields.Html("Text", required=True, translate=True)
    use_count = fields.Integer(readonly=True, copy=False)

    _shortcut_uniq = models.UniqueIndex(
        "(company_id, shortcut) WHERE shortcut IS NOT NULL", "Another canned answer of the company has this shortcut."
    )

    @api.model
    def search_for(self, conversation_id, term=""):
        """Return the answers whose name or shortcut contains ``term``, filled for the conversation's customer."""
        conversation = self.env["inbox.conversation"].browse(conversation_id)
        conversation.check_access("read")
        domain = [("company_id", "in", [False, conversation.company_id.id])]
        if term:
            domain += ["|", ("name", "ilike", term), ("shortcut", "ilike", term)]
        return [
            {
                "id": answer.id,
                "name": answer.name,
                "shortcut": answer.shortcut or "",
                "body": answer._filled(conversation),
            }
            for answer in self.search(domain, limit=100)
        ]

    def _filled(self, conversation):
        """Replace {{customer}}, {{user}} and {{company}}; nothing else is evaluated."""
        values = {
            "{{customer}}": conversation.partner_id.name or "",
            "{{user}}": self.env.user.name,
            "{{company}}": conversation.company_id.name,
        }
        html = self.body_html or ""
        for key, value in values.items():
            html = html.replace(key, value)
        return html

    def action_used(self):
        """Count a use."""
        self.check_access("read")
        for answer in self.sudo():
            answer.use_count += 1
