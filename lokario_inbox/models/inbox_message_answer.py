from odoo import models


class InboxMessage(models.Model):
    _inherit = "inbox.message"

    def _after_store(self):
        """What waits for its moment in a conversation is looked at when the customer writes in it."""
        super()._after_store()
        conversations = self.filtered(lambda mail: mail.direction == "in").conversation_id
        waiting = [
            ("conversation_id", "in", conversations.ids),
            ("state", "=", "scheduled"),
            ("is_scheduled", "=", True),
        ]
        outgoing_sudo = self.env["inbox.outgoing"].sudo()
        if conversations and outgoing_sudo.search_count(waiting, limit=1):
            outgoing_sudo._wake_sender(at_once=True)
