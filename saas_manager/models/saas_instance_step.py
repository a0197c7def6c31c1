from odoo import api, fields, models

from ..const import STEP_CODES


class SaasInstanceStep(models.Model):
    """The journal: one row for each thing done to an instance, written as it happens."""

    _name = "saas.instance.step"
    _inherit = ["lokario.access.mixin"]
    _description = "Journal of a SaaS Instance"
    _order = "id desc"
    _rec_name = "code"

    instance_id = fields.Many2one("saas.instance", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="instance_id.company_id", store=True)
    attempt = fields.Char(required=True, index=True, help="Steps of one operation share it.")
    code = fields.Selection(STEP_CODES, "Step", required=True)
    state = fields.Selection(
        [("running", "Running"), ("done", "Done"), ("failed", "Failed")], required=True, default="running"
    )
    date_start = fields.Datetime("Start", default=fields.Datetime.now, required=True)
    duration = fields.Float("Seconds", digits=(10, 3), aggregator="avg")
    message = fields.Char("Outcome")

    @api.autovacuum
    def _gc_old_steps(self):
        """Drop the journal of instances that were deleted a year ago."""
        old = self.search([("instance_id.state", "=", "terminated"), ("date_start", "<", "-365d")], limit=1000)
        old.unlink()
        return len(old), int(len(old) == 1000)
