from odoo import models
from odoo.exceptions import UserError


class IrModuleModule(models.Model):
    _inherit = "ir.module.module"

    def button_uninstall(self):
        """Refuse to uninstall what runs clients' databases: nothing would know any more whose they are.

        :raises UserError: instances have a database; the text names them
        """
        if "saas_manager" in (self + self.downstream_dependencies()).mapped("name"):
            domain = ["|", ("is_deployed", "=", True), ("state", "in", ("provisioning", "active", "suspended"))]
            if live_sudo := self.env["saas.instance"].sudo().search(domain):
                raise UserError(
                    self.env._(
                        "These instances are live: %(instances)s. Terminate them before you uninstall this addon.",
                        instances=", ".join(live_sudo.mapped("display_name")),
                    )
                )
        return super().button_uninstall()
