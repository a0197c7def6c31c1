from odoo import fields, models


class SaasInstanceSuspend(models.TransientModel):
    _name = "saas.instance.suspend"
    _inherit = ["lokario.access.mixin"]
    _description = "Suspend a SaaS Instance"

    instance_id = fields.Many2one("saas.instance", required=True)
    reason = fields.Char(required=True)

    def action_confirm(self):
        """Suspend the instance for the given reason."""
        self.ensure_one()
        return self.instance_id.action_suspend(self.reason)
