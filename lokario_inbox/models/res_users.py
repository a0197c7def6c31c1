from odoo import models


class ResUsers(models.Model):
    _inherit = "res.users"

    def write(self, vals):
        """Somebody leaves: his mailboxes follow the choice that a manager made for each."""
        leaving = self.filtered("active") if "active" in vals and not vals["active"] else self.browse()
        result = super().write(vals)
        if leaving:
            self.env["inbox.integration"].sudo().search([("user_id", "in", leaving.ids)])._owner_left()
        return result

    def action_open_inbox_integrations(self):
        """From the preferences: one's own mailboxes."""
        action = self.env["ir.actions.act_window"]._for_xml_id("lokario_inbox.inbox_integration_action")
        return {**action, "context": {"search_default_mine": 1, "default_user_id": self.env.uid}}
