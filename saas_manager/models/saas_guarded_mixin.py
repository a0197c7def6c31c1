from odoo import api, models
from odoo.exceptions import AccessError

# Only code of this process can name this object: a call from outside cannot pretend to be the program.
PROGRAM = object()


class SaasGuardedMixin(models.AbstractModel):
    """Fields, named by `_guarded`, that only the program writes: a state moves by its methods alone."""

    _name = "saas.guarded.mixin"
    _description = "Fields that Only the Program Writes"
    _guarded = frozenset()

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._refuse_guarded({name for name, value in vals.items() if (name, value) != ("state", "draft")})
        return super().create(vals_list)

    def write(self, vals):
        self._refuse_guarded(vals.keys())
        return super().write(vals)

    def _refuse_guarded(self, names):
        if self._guarded & names and not self._is_program():
            raise AccessError(self.env._("The state of an instance changes by its actions only."))

    def _is_program(self):
        return self.env.context.get("saas_program") is PROGRAM

    def _set_guarded(self, **vals):
        """Write what only the program writes, in the name of a user who may change the record."""
        self.check_access("write")
        self.sudo().with_context(saas_program=PROGRAM).write(vals)
