from odoo import api, models


class IrRule(models.Model):
    """Let record rules of the API group read the tenants of the API key in use."""

    _inherit = "ir.rule"

    @api.model
    def _eval_context(self):
        context = super()._eval_context()
        context["engine_tenant_ids"] = self.env.context.get("engine_tenant_ids", ())
        return context

    def _compute_domain_keys(self):
        return [*super()._compute_domain_keys(), "engine_tenant_ids"]
