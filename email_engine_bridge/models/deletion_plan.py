from odoo import api, models

from odoo.addons.lokario_base.tools.deletion import ResidueRule


class DeletionPlan(models.AbstractModel):
    """When an account is deleted: the lists of tenants are the tenants' own."""

    _inherit = "lokario.deletion.plan"

    @api.model
    def _residue_rules(self):
        reason = self.env._("Data of a tenant of the e-mail engine, who decides about it (GDPR, article 28)")
        return [ResidueRule("engine_*", "hold", reason=reason), *super()._residue_rules()]
