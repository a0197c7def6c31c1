from odoo import fields, models

from ..tools.free_name import free_name


class EngineNamed(models.AbstractModel):
    """What a tenant has once by name: templates, lists, segments. Each says so by an index of its own words."""

    _name = "engine.named"
    _inherit = ["engine.limited.mixin", "lokario.access.mixin"]
    _description = "Thing of a tenant"

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    tenant_id = fields.Many2one("engine.tenant", required=True, index=True, ondelete="restrict")
    company_id = fields.Many2one(related="tenant_id.company_id", store=True, index=True)

    def copy_data(self, default=None):
        """A copy is "Offer (2)"."""
        values = super().copy_data(default)
        for one, copied in zip(self, values, strict=True):
            if "name" not in (default or {}):
                everything = self.with_context(active_test=False)
                taken = everything.search([("tenant_id", "=", one.tenant_id.id)]).mapped("name")
                copied["name"] = free_name(one.name, set(taken))
        return values
