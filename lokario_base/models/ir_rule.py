from odoo import api, models
from odoo.fields import Domain

MIXIN = "lokario.access.mixin"


class IrRule(models.Model):
    """A wizard belongs to the person who opened it; Odoo 19 shows it to everybody of its group."""

    _inherit = "ir.rule"

    @api.model
    def _compute_domain(self, model_name, mode="read"):
        domain = super()._compute_domain(model_name, mode)
        model = self.env[model_name]
        if model._transient and isinstance(model, self.env.registry[MIXIN]):
            domain = Domain(domain) & Domain("create_uid", "=", self.env.uid)
        return domain
