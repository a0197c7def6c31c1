from odoo import fields, models


class EngineWarmupStage(models.Model):
    _name = "engine.warmup.stage"
    _description = "Stage of a warm-up plan"
    _inherit = ["engine.printed", "lokario.access.mixin"]
    _order = "plan_id, sequence, id"
    _printed_fields = frozenset(("plan_id", "sequence", "quota", "days", "hourly"))

    plan_id = fields.Many2one("engine.warmup.plan", required=True, index=True, ondelete="cascade")
    sequence = fields.Integer(default=10)
    name = fields.Char(required=True, help="Shown as the phase of the IP, such as week_1")
    quota = fields.Integer("Mails a day", required=True)
    days = fields.Integer("Used days", required=True, default=7)
    hourly = fields.Integer("Mails an hour", help="0: an eighth of the day's quota")

    _figures_positive = models.Constraint(
        "CHECK(quota > 0 AND days > 0 AND hourly >= 0)", "Mails and days of a stage: give numbers above 0."
    )

    def _shared_by_companies(self):
        return self.filtered(lambda stage: stage.sudo().plan_id._shared_by_companies())

    def _get_printing_servers(self):
        return self.plan_id._get_printing_servers()
