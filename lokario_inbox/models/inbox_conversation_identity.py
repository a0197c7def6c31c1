from odoo import api, models

from ..tools.message_ids import mint_message_id


class InboxConversation(models.Model):
    _inherit = "inbox.conversation"

    def _mint_message_id(self, domain):
        return mint_message_id(b"k", self.id, domain)

    def _announce_change(self, new_mail=False):
        pass

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            vals["company_id"] = self.env["inbox.integration"].browse(vals["integration_id"]).company_id.id
        return super().create(vals_list)
