from odoo import api, models


class OutgoingSource(models.AbstractModel):
    """What hands built mails to the outbox and hears what becomes of them: a draft, the delivery of a document."""

    _name = "mailbox.outgoing.source"
    _description = "Source of Outgoing Messages"

    @api.model
    def _outgoing_may_leave(self, mails):
        """Return {id: SendCancelled} of the mails (mailbox.outgoing) that must not leave (now).

        Asked of those that are `is_conditional`, under the locks of a short transaction: when a mail is taken up, and
        again right before the final dot. ``self``: the sources of these mails.
        """
        return {}

    def _outgoing_changed(self, mails):
        """Note what became of these mails: called at least once after each change of state, with the state as it is.

        ``self``: the sources of these mails.
        """
