from odoo import api, models
from odoo.exceptions import UserError

from odoo.addons.email_engine_bridge.tools.contact_rows import inspect_address, normalise_address


class EngineAddressMixin(models.AbstractModel):
    """Refuses an ``email`` to which no mail is ever written, and stores the others as contacts have them."""

    _name = "engine.address.mixin"
    _description = "Checked address"

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._normalised(vals) for vals in vals_list])

    def write(self, vals):
        return super().write(self._normalised(vals) if "email" in vals else vals)

    def _normalised(self, vals):
        email = normalise_address(vals.get("email") or "")
        if inspect_address(email) == "invalid":
            raise UserError(self.env._("This is no address: %(addresses)s", addresses=email))
        return {**vals, "email": email}
