from odoo import fields, models


class InboxAiProvider(models.Model):
    _inherit = "inbox.ai.provider"

    def _compute_spent_today(self):
        """Reminders written by the model count too."""
        super()._compute_spent_today()
        today = fields.Datetime.now().replace(hour=0, minute=0, second=0)
        domain = [("provider_id", "in", self.ids), ("asked_at", ">=", today)]
        drafts = self.env["lokario.followup.draft"].sudo()._read_group(domain, ["provider_id"], ["cost:sum"])
        for provider, cost in drafts:
            provider.spent_today += cost
