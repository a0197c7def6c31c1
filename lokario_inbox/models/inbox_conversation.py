from odoo import fields, models


class InboxConversation(models.Model):
    _name = "inbox.conversation"
    _description = "Conversation"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "last_message_date desc, id desc"
    _rec_name = "subject"

    integration_id = fields.Many2one(
        "inbox.integration", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", required=True, index=True)
    owner_id = fields.Many2one("res.users", string="Private to", index=True)
    subject = fields.Char()
    state = fields.Selection(
        [
            ("new", "New"),
            ("in_progress", "In progress"),
            ("resolved", "Resolved"),
            ("archived", "Archived"),
            ("spam", "Spam"),
        ],
        required=True, default="new", index=True, tracking=True,
    )
    is_urgent = fields.Boolean(string="Urgent", tracking=True)
    user_id = fields.Many2one("res.users", string="Assigned to", index=True, tracking=True)
    partner_id = fields.Many2one("res.partner", string="Customer", index=True)
    last_message_date = fields.Datetime(index=True)
    unread = fields.Boolean(index=True)
    email_ids = fields.One2many("inbox.message", "conversation_id", string="E-mails")
