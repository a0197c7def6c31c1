from odoo import api, models


class ResUsers(models.Model):
    _inherit = "res.users"

    @api.model
    def _mailbox_roles(self):
        return (
            super()._mailbox_roles()
            | self.env.ref("lokario_inbox.group_lokario_inbox_user")
            | self.env.ref("lokario_inbox.group_lokario_inbox_manager")
        )
