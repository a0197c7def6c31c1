from odoo import api, models


class InboxHooks(models.AbstractModel):
    """What other addons add to the inbox: they extend these methods, each of which does nothing here.

    Messages and conversations come sudoed. What is raised while a batch is stored rolls it back and stops the mailbox
    there: queue what is slow, work in bulk (the budget is 0.1 ms and 0.1 query a message), write no message again.
    """

    _name = "inbox.hooks"
    _description = "Extension points of the inbox"

    @api.model
    def _mails_stored(self, messages):
        """New mails of ONE mailbox, oldest first, each with its conversation, customer and folder."""

    @api.model
    def _conversations_unmatched(self, conversations):
        """Conversations whose new mails no rule matched."""

    @api.model
    def _customer_facts(self, conversation):
        """Return [{label, value, action}] to show beside a conversation, such as open invoices.

        ``action`` is an act_window dictionary or False. The caller is the user: only what he may read.
        """
        return []
