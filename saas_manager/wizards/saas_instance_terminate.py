from odoo import fields, models
from odoo.exceptions import UserError


class SaasInstanceTerminate(models.TransientModel):
    _name = "saas.instance.terminate"
    _inherit = ["lokario.access.mixin"]
    _description = "Delete a SaaS Instance for Good"

    instance_id = fields.Many2one("saas.instance", required=True)
    database_name = fields.Char(related="instance_id.database_name")
    instance_name = fields.Char(related="instance_id.name")
    typed_name = fields.Char("Name of the Instance", required=True)
    reason = fields.Char(required=True)

    def action_confirm(self):
        """Delete the instance, once its name has been typed."""
        self.ensure_one()
        if (self.typed_name or "").strip() != self.instance_id.name:
            raise UserError(
                self.env._("This is not the name of the instance. Type “%s” to delete it.", self.instance_id.name)
            )
        return self.instance_id.action_terminate(self.reason)
