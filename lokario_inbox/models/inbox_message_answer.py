from odoo import models

from ..tools.message_ids import parse_ids


class InboxMessage(models.Model):
    _inherit = "inbox.message"

    def _after_store(self):
        """What waits for its moment in a conversation is cancelled as soon as the customer writes in it."""
        super()._after_store()
        conversations = self.filtered(lambda mail: mail.direction == "in").conversation_id
        self.env["inbox.outgoing"].sudo()._cancel_answered(conversations)
        self._note_bounces()

    def _note_bounces(self):
        """A mail of ours came back: its sender hears of it, also when the server had said 250."""
        for report in self.filtered(lambda mail: mail.automatic_kind == "failure" and mail.returned_ref):
            domain = [("integration_id", "=", report.integration_id.id), ("state", "=", "sent")]
            ours = self.env["mailbox.outgoing"].sudo()
            mails = ours.search([*domain, ("message_id_header", "in", parse_ids(report.returned_ref))])
            if len(mails) > 1:  # one message to several contacts
                mails = mails.filtered(lambda mail, address=report.report_address or "": address in mail.recipients)
            mails._set_bounced(report.report_reason or report.preview or report.subject or "")
            mails._notify_sources()
