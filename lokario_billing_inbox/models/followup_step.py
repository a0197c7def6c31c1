from odoo import fields, models


class FollowupStep(models.Model):
    _inherit = "lokario.followup.step"

    conversation_id = fields.Many2one("inbox.conversation", ondelete="set null")

    def _set_answered(self):
        super()._set_answered()
        for step in self:
            step.conversation_id = step.followup_id.conversation_id
