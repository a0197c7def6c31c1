from odoo import api, models


class InboxHooks(models.AbstractModel):
    _inherit = "inbox.hooks"

    @api.model
    def _mails_stored(self, messages):
        super()._mails_stored(messages)
        messages._ask_about_arrival()

    @api.model
    def _conversations_unmatched(self, conversations):
        super()._conversations_unmatched(conversations)
        conversations._ask_where_to_file()
