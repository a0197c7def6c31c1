from odoo import api, models
from odoo.fields import Domain

from odoo.addons.lokario_base.tools.deletion import DeletionStep, StepOutcome

_BATCH = 500
_MAILBOX_ROWS = ("inbox.quarantine", "inbox.conversation", "inbox.folder")


class DeletionPlan(models.AbstractModel):
    """When an account is deleted: its private mailboxes go, and what others' mailboxes say of the person."""

    _inherit = "lokario.deletion.plan"

    @api.model
    def _steps(self):
        return [
            *super()._steps(),
            DeletionStep("inbox_mailboxes", 20, self.env._("Private mailboxes and their mail")),
            DeletionStep("inbox_letters", 30, self.env._("The person's mail in other mailboxes")),
        ]

    @api.model
    def _obstacles(self, user):
        shared = self.env["inbox.integration"].search([("user_id", "=", user.id), ("visibility", "=", "shared")])
        reasons = [
            self.env._("This user owns the shared mailbox %s. Give it another owner first.", mailbox.name)
            for mailbox in shared
        ]
        return [*super()._obstacles(user), *reasons]

    @api.model
    def _consequences(self, user):
        mailboxes = self.env["inbox.integration"].search_count([("user_id", "=", user.id)])
        texts = [
            self.env._("Your private mailboxes and the mail kept here are deleted; nothing changes at your provider.")
        ]
        return [*super()._consequences(user), *(texts if mailboxes else [])]

    @api.model
    def _step_inbox_mailboxes(self, deletion):
        mailboxes = self.env["inbox.integration"].with_context(active_test=False)
        mailboxes = mailboxes.search([("user_id", "=", deletion.user_id.id), ("visibility", "=", "private")])
        owned = Domain("integration_id", "in", mailboxes.ids)
        messages = self.env["inbox.message"].search(owned, limit=_BATCH)
        if messages:
            erased = {"inbox.message": messages.ids}
            messages.attachment_ids.attachment_id.unlink()
            messages.unlink()
            return StepOutcome(erased, remaining=True)
        erased = {}
        self.env["inbox.outgoing"].search(owned).attachment_ids.unlink()
        for model in _MAILBOX_ROWS:
            rows = self.env[model].with_context(active_test=False).search(owned)
            erased[model] = rows.ids
            rows.unlink()
        erased["inbox.integration"] = mailboxes.ids
        mailboxes.unlink()
        return StepOutcome(erased)

    @api.model
    def _step_inbox_letters(self, deletion):
        """Content and addresses go; the empty row stays, so that the same mail is not fetched again."""
        partners = deletion._partners()
        addresses = [email for email in {deletion.user_id.login, *partners.mapped("email_normalized")} if email]
        written = Domain("from_address", "in", addresses) | Domain("partner_id", "in", partners.ids)
        letters = self.env["inbox.message"].search(written & Domain("email_from", "!=", False), limit=_BATCH)
        letters._erase_content()
        letters.write(dict.fromkeys(("email_from", "from_address", "reply_to", "return_path", "subject"), False))
        return StepOutcome(kept={"inbox.message": len(letters)}, remaining=len(letters) == _BATCH)
