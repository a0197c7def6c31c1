from odoo import api, models
from odoo.tools import email_normalize
from odoo.tools.sql import escape_psql

from odoo.addons.lokario_base.tools.deletion import DeletionStep, StepOutcome

ENDED = ("sent", "bounced", "failed", "cancelled")
NO_RECIPIENT = "***"  # instead of the last recipient


class DeletionPlan(models.AbstractModel):
    """When an account is deleted: its private mailboxes go."""

    _inherit = "lokario.deletion.plan"

    @api.model
    def _steps(self):
        return [
            *super()._steps(),
            DeletionStep("inbox_mailboxes", 20, self.env._("Private mailboxes and their mail")),
            DeletionStep("mailbox_outgoing", 32, self.env._("Mails that were sent to the person")),
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
        if erased := mailboxes._erase_stored_mail():
            return StepOutcome(erased, remaining=True)
        erased = {"inbox.integration": mailboxes.ids}
        mailboxes.unlink()
        return StepOutcome(erased)

    @api.model
    def _step_mailbox_outgoing(self, deletion):
        """What the mails said and to whom they went goes; that one left, and when, stays."""
        person = deletion._addresses()
        mails = self.env["mailbox.outgoing"]
        for address in person:
            mails |= mails.search([("recipients", "ilike", escape_psql(address)), ("state", "in", ENDED)])
        kept = 0
        for mail in mails:
            recipients = mail.recipients.splitlines()
            others = [recipient for recipient in recipients if email_normalize(recipient) not in person]
            if others != recipients:
                kept += 1
                mail.write(
                    {
                        "recipients": "\n".join(others) or NO_RECIPIENT,
                        "raw": False,
                        "subject": False,
                        "outcomes": False,
                        "answer": False,
                    }
                )
        return StepOutcome(kept={"mailbox.outgoing": kept})
