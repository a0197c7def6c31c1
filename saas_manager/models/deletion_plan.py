from odoo import api, models


class DeletionPlan(models.AbstractModel):
    _inherit = "lokario.deletion.plan"

    @api.model
    def _obstacles(self, user):
        """The client of an instance stays until it is terminated or another client named: it needs an owner."""
        instances = self.env["saas.instance"].search(
            [("partner_id", "=", user.partner_id.id), ("state", "!=", "terminated")]
        )
        return super()._obstacles(user) + [
            self.env._(
                "You are the client of “%(instance)s” (%(host)s): have it deleted or name another client first.",
                instance=instance.name,
                host=instance.host,
            )
            for instance in instances
        ]
