from odoo import api, models


class IrRule(models.Model):
    """Let record rules of the API group read the tenants of the API key in use.

    The context of an RPC call is the caller's to fill: it counts for the user of /api/v2 alone, who has no password.
    A person in the API group sees no tenant by it.
    """

    _inherit = "ir.rule"

    @api.model
    def _eval_context(self):
        context = super()._eval_context()
        context["engine_tenant_ids"] = ()
        if tenant_ids := self.env.context.get("engine_tenant_ids"):
            api_user_id = self.env["ir.model.data"]._xmlid_to_res_id("email_engine_bridge.user_api")
            context["engine_tenant_ids"] = tenant_ids if self.env.uid == api_user_id else ()
        return context

    def _compute_domain_keys(self):
        return [*super()._compute_domain_keys(), "engine_tenant_ids"]
