from odoo import api, models


class AccessMixin(models.AbstractModel):
    _inherit = "lokario.access.mixin"

    @api.model
    def _scope_fields(self):
        """Private mail is referred to by what is private to the same person."""
        return [*super()._scope_fields(), "owner_id"]
