from odoo import Command, api, models


class ResUsers(models.Model):
    _inherit = "res.users"

    @api.model
    def _mailbox_roles(self):
        """Return the roles of mailboxes, which employees alone have; other addons add theirs."""
        return self.env.ref("lokario_mailbox.group_lokario_mailbox_user") | self.env.ref(
            "lokario_mailbox.group_lokario_mailbox_manager"
        )

    def _leaves_the_employees(self, commands):
        """Whether these commands on the groups make portal or public users of employees."""
        employee = self.env.ref("base.group_user")
        outside = self.env.ref("base.group_portal") | self.env.ref("base.group_public")
        return any(
            (command[0] == Command.LINK and command[1] in outside.ids)
            or (command[0] in (Command.UNLINK, Command.DELETE) and command[1] == employee.id)
            for command in commands
        )

    def write(self, vals):
        """A user leaves: his mailboxes follow the choice that a manager made for each."""
        if self._leaves_the_employees(vals.get("group_ids") or ()):  # the role that everybody gets is an employee's
            without = [Command.unlink(role.id) for role in self._mailbox_roles()]
            vals = {**vals, "group_ids": [*vals["group_ids"], *without]}
        leaving = self.filtered("active") if "active" in vals and not vals["active"] else self.browse()
        result = super().write(vals)
        if leaving:
            self.env["inbox.integration"].sudo().search([("user_id", "in", leaving.ids)])._owner_left()
        return result

    def action_open_inbox_integrations(self):
        """From the preferences: one's own mailboxes."""
        action = self.env["ir.actions.act_window"]._for_xml_id("lokario_mailbox.inbox_integration_action")
        return {**action, "context": {"search_default_mine": 1, "default_user_id": self.env.uid}}
