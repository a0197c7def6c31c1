from odoo import api, models
from odoo.fields import Domain

from odoo.addons.lokario_mailbox.tools.mailbox_run import MailboxRun
from odoo.addons.lokario_mailbox.tools.steps import run_step

from ..tools.mime_builder import BadAddress


class InboxOutgoing(models.Model):
    """A copy of AI drafts in the mailbox's own Drafts folder, for people who answer from their phone."""

    _inherit = "inbox.outgoing"

    @api.model
    def _cron_file_drafts(self):
        """File new drafts, remove those that are done; all mailboxes at the same time."""
        MailboxRun(self, Domain("draft_copy_state", "in", ("pending", "removing"))).serve()

    def _visit(self, in_time):
        """Return what a thread does for these drafts of one mailbox, over one connection."""
        drafts = [(draft.id, draft.draft_copy_state, draft.message_id_header) for draft in self]

        def act(box, ask):
            for draft_id, state, message_id in drafts:
                if state == "pending":
                    message_id, raw = ask(self._draft_to_file, draft_id)
                    if raw and not box.find("drafts", message_id):
                        box.append("drafts", raw, flags=(b"\\Draft", b"\\Seen"))
                elif message_id:
                    box.remove("drafts", message_id)
                ask(self._note_draft_copy, draft_id, state)
                if not in_time():
                    return

        return act

    def _visit_failed(self, _error):
        """Next time: the state still says what is to be done."""

    @api.model
    def _draft_to_file(self, draft_id):
        """Return the Message-ID and the bytes of a draft; no bytes while its recipient is no address."""
        draft = self.browse(draft_id)
        try:
            raw = run_step(self.env, draft._draft_bytes)
        except BadAddress:
            raw = b""
        return draft.message_id_header, raw

    @api.model
    def _note_draft_copy(self, draft_id, state):
        """Done, unless the draft itself was sent or thrown away meanwhile."""
        done = {"pending": "filed", "removing": "removed"}[state]
        unchanged = [("draft_copy_state", "=", state)]
        run_step(self.env, lambda: self.browse(draft_id).filtered_domain(unchanged).write({"draft_copy_state": done}))
