from odoo import api, models

from ..tools.sent_mailbox import MailboxUnavailable


class InboxOutgoing(models.Model):
    """A copy of AI drafts in the mailbox's own Drafts folder, for people who answer from their phone."""

    _inherit = "inbox.outgoing"

    @api.model
    def _cron_file_drafts(self):
        """File new drafts, remove those that are done; one connection a mailbox."""
        domain = [("draft_copy_state", "in", ("pending", "removing"))]
        due = self.search(domain, limit=200)
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=len(due))
        for integration, drafts in due.grouped("integration_id").items():
            drafts.try_lock_for_update()._update_drafts_folder(integration)
            if not commit_progress(len(drafts)):
                break

    def _update_drafts_folder(self, integration):
        try:
            with integration._open_sent_mailbox__() as box:
                for draft in self:
                    draft._update_draft_copy(box)
        except MailboxUnavailable:
            return  # next time

    def _update_draft_copy(self, box):
        if self.draft_copy_state == "removing":
            if self.message_id_header:
                box.remove("drafts", self.message_id_header)
            self.draft_copy_state = "removed"
            return
        raw = self._draft_bytes()
        if not box.find("drafts", self.message_id_header):
            box.append("drafts", raw, flags=(b"\\Draft", b"\\Seen"))
        self.draft_copy_state = "filed"
