from odoo import models
from odoo.tools import SQL

AUTHOR = "Lokario"  # of every manifest of the suite
REFLECTED = ("ir.model.inherit", "ir.model.fields.selection")
# Odoo names an addon that extends a mixin as the source of each model that inherits the mixin, whoever's model it is.
_NOT_THEIRS = """
DELETE FROM ir_model_data d USING ir_model_inherit i
 WHERE d.model = 'ir.model.inherit' AND d.res_id = i.id AND d.module = ANY(%s)
   AND NOT EXISTS (SELECT FROM ir_model_data m
                    WHERE m.model = 'ir.model' AND m.res_id = i.model_id AND m.module = d.module)
RETURNING i.id
"""
_WITHOUT_SOURCE = """
DELETE FROM ir_model_inherit i
 WHERE i.id = ANY(%s)
   AND NOT EXISTS (SELECT FROM ir_model_data d WHERE d.model = 'ir.model.inherit' AND d.res_id = i.id)
"""


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
        """What was inherited from models that are no more, and the external ids that other modules, such as mail, gave
        to their parts; Odoo leaves them.
        """
        for model in REFLECTED:
            table = SQL.identifier(self.env[model]._table)
            gone = SQL("d.model = %s AND NOT EXISTS (SELECT FROM %s r WHERE r.id = d.res_id)", model, table)
            self.env.cr.execute(SQL("DELETE FROM ir_model_data d WHERE %s", gone))
        suite = self.sudo().search([("author", "=", AUTHOR)]).mapped("name")
        self.env.cr.execute(_NOT_THEIRS, [suite])
        self.env.cr.execute(_WITHOUT_SOURCE, [[row[0] for row in self.env.cr.fetchall()]])
