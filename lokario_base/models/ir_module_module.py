from odoo import models

AUTHOR = "Lokario"  # of every manifest of the suite


class IrModuleModule(models.Model):
    """An addon of the suite takes along the parameters that administrators set for it (``<addon>.<name>``)."""

    _inherit = "ir.module.module"

    def module_uninstall(self):
        ours = self.filtered(lambda module: module.author == AUTHOR).mapped("name")
        parameters = self.env["ir.config_parameter"].sudo().search([("key", "=like", "%.%")])
        parameters.filtered(lambda parameter: parameter.key.partition(".")[0] in ours).unlink()
        return super().module_uninstall()
