from odoo import models


class SaasInstance(models.Model):
    _inherit = "saas.instance"

    def _transition(self, state, **vals):
        """Notify the webhooks in the transaction that changes the state."""
        result = super()._transition(state, **vals)
        for instance in self:
            self.env["saas.webhook.target"]._notify(instance, f"instance.{state}")
        return result
