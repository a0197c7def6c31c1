from odoo import models


class InboxConversation(models.Model):
    _name = "inbox.conversation"
    _inherit = ["inbox.conversation", "lokario.followup.source", "lokario.access.mixin"]
    _followup_link = "conversation_id"

    def action_follow_up(self):
        """Who works with follow-ups gets one; everybody else plans an activity, as in the inbox alone."""
        if self.env["lokario.followup"].has_access("create"):
            return self.action_open_followup()
        return super().action_follow_up()

    def _followup_defaults(self):
        return {
            "kind": "missing_info",
            "source": "conversation",
            "company_id": self.company_id.id,
            "partner_id": self.partner_id.id,
            "name": self.subject,
        }
