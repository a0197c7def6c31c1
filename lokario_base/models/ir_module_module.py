from odoo import models
from odoo.tools import SQL

AUTHOR = "Lokario"  # of every manifest of the suite
REFLECTED = ("ir.model.inherit", "ir.model.fields.selection")


class IrModuleModule(models.Model):
    """An addon of the suite takes along the parameters that administrators set for it (``<addon>.<name>``)."""

    _inherit = "ir.module.module"

    def module_uninstall(self):
        ours = self.filtered(lambda module: module.author == AUTHOR).mapped("name")
        parameters = self.env["ir.config_parameter"].sudo().search([("key", "=like", "%.%")])
        parameters.filtered(lambda parameter: parameter.key.partition(".")[0] in ours).unlink()
        result = super().module_uninstall()
        if ours:
            self._forget_reflected()
        return result

    def _forget_reflected(self):
        """External ids that other modules, such as mail, gave to parts of models that are no more; Odoo leaves them."""
        for model in REFLECTED:
            table = SQL.identifier(self.env[model]._table)
            gone = SQL("d.model = %s AND NOT EXISTS (SELECT FROM %s r WHERE r.id = d.res_id)", model, table)
            self.env.cr.execute(SQL("DELETE FROM ir_model_data d WHERE %s", gone))
