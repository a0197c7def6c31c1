from odoo import api, models
from odoo.tools import email_normalize
from odoo.tools.sql import escape_psql

from odoo.addons.lokario_base.tools.deletion import (
    DELETE,
    HAND_OVER,
    KEEP,
    Belonging,
    DeletionStep,
    ResidueRule,
    StepOutcome,
)

USER, MANAGER = "lokario_mailbox.group_lokario_mailbox_user", "lokario_mailbox.group_lokario_mailbox_manager"
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
    def _responsible_domain(self, model):
        return None if model == "inbox.integration" else super()._responsible_domain(model)

    @api.model
    def _belongings(self, user):
        shared = self.env["inbox.integration"].with_context(active_test=False)
        shared = shared.search([("user_id", "in", user.ids), ("visibility", "=", "shared")])
        return [*super()._belongings(user), *map(self._shared_mailbox, shared)]

    @api.model
    def _shared_mailbox(self, mailbox):
        """A mailbox that others use: another one takes it over, or those who look after the company's mailboxes."""
        user, company = mailbox.user_id, mailbox.company_id
        keep = (KEEP,) if self._heirs(user, company, MANAGER) else ()
        delete = () if mailbox.is_primary else (DELETE,)  # the company's mail leaves from it
        return Belonging(
            name="shared_mailbox",
            key=f"inbox.integration:{mailbox.id}",
            model="inbox.integration",
            ids=mailbox._ids,
            label=self.env._("Shared mailbox %s", mailbox.name),
            choices=(*keep, HAND_OVER, *delete),
            heirs=self._heirs(user, company, USER)._ids,
            proposal="",
            refusal=self.env._("You own the shared mailbox %s. Give it another owner first.", mailbox.name),
        )

    @api.model
    def _carry_out_shared_mailbox(self, deletion, belonging, choice, heir):
        """What is to be deleted becomes private and goes with the private mailboxes."""
        mailbox = self.env["inbox.integration"].browse(belonging.ids)
        if choice == DELETE:
            mailbox.visibility = "private"
        else:
            mailbox.user_id = heir or self._heirs(mailbox.user_id, mailbox.company_id, MANAGER)[:1]

    @api.model
    def _residue_rules(self):
        reason = self.env._("The address of a mailbox that others use")
        return [ResidueRule("inbox_integrations", "hold", reason=reason), *super()._residue_rules()]

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
        mailboxes = mailboxes.search([("user_id", "in", deletion.user_id.ids), ("visibility", "=", "private")])
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
