from odoo import fields, models


class EngineSuppressionLift(models.TransientModel):
    """Why an address may be written to again."""

    _name = "engine.suppression.lift"
    _inherit = ["lokario.access.mixin"]
    _description = "Lift a suppression"

    suppression_id = fields.Many2one("engine.suppression", required=True)
    reason = fields.Char("Why", required=True)

    def action_apply(self):
        self.ensure_one()
        self.suppression_id._lift(self.reason)
        return {"type": "ir.actions.act_window_close"}
