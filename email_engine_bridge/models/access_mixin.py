from odoo import api, models


class AccessMixin(models.AbstractModel):
    _inherit = "lokario.access.mixin"

    @api.model
    def _scope_fields(self):
        """What a tenant's record refers to is that tenant's."""
        return [*super()._scope_fields(), "tenant_id"]
