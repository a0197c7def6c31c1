from odoo import fields, models


class FollowupPreviewStart(models.TransientModel):
    """How a document that is late already begins when follow-ups are switched on."""

    _name = "lokario.followup.preview.start"
    _inherit = ["lokario.access.mixin"]
    _description = "Start of an old document"
    _order = "since, id"

    preview_id = fields.Many2one("lokario.followup.preview", required=True, ondelete="cascade")
    followup_id = fields.Many2one("lokario.followup", required=True, ondelete="cascade")
    customer_id = fields.Many2one(related="followup_id.customer_id")
    amount = fields.Monetary(related="followup_id.amount")
    currency_id = fields.Many2one(related="followup_id.currency_id")
    policy_id = fields.Many2one(related="followup_id.policy_id")
    since = fields.Date(string="Due or sent on")
    choice = fields.Selection(
        [
            ("usual", "As usual"),
            ("today", "Count from today"),
            ("level", "Begin with a level"),
            ("skip", "Leave it out"),
        ],
        string="Start",
        required=True,
        default="usual",
    )
    level_id = fields.Many2one("lokario.followup.level", domain="[('policy_id', '=', policy_id)]", ondelete="cascade")

    def _facts(self):
        """Return the choice as facts of the decision, to be tried."""
        values = self._values()
        return {
            "start_on": values["start_on"] or None,
            "first_level": values["first_level"],
            **({"auto_enabled": False} if self.choice == "skip" else {}),
        }

    def _values(self):
        """Return the choice as values of the follow-up."""
        return {
            "start_on": self.choice == "today" and self.preview_id.company_id._followup_today(),
            "first_level": self.level_id.sequence if self.choice == "level" else 0,
            **({"auto_enabled": False} if self.choice == "skip" else {}),
        }
