from odoo import api, models
from odoo.fields import Domain

from odoo.addons.lokario_base.tools.deletion import DeletionStep, StepOutcome

_BATCH = 500


class DeletionPlan(models.AbstractModel):
    """When an account is deleted: what the mail of others' mailboxes says of the person goes."""

    _inherit = "lokario.deletion.plan"

    @api.model
    def _steps(self):
        return [
            *super()._steps(),
            DeletionStep("inbox_letters", 30, self.env._("The person's mail in other mailboxes")),
        ]

    @api.model
    def _responsible_domain(self, model):
        """The conversations of a private mailbox go with it."""
        domain = super()._responsible_domain(model)
        return [*domain, ("owner_id", "=", False)] if model == "inbox.conversation" else domain

    @api.model
    def _step_inbox_mailboxes(self, deletion):
        private = [
            ("integration_id.user_id", "in", deletion.user_id.ids),
            ("integration_id.visibility", "=", "private"),
        ]
        self.env["inbox.outgoing"].search(private).attachment_ids.unlink()
        return super()._step_inbox_mailboxes(deletion)

    @api.model
    def _step_inbox_letters(self, deletion):
        """Content and addresses go; the empty row stays, so that the same mail is not fetched again."""
        written = Domain("from_address", "in", list(deletion._addresses()))
        written |= Domain("partner_id", "in", deletion._partners().ids)
        mails = self.env["inbox.message"].search(written & Domain("email_from", "!=", False), limit=_BATCH)
        mails.write(dict.fromkeys(("email_from", "from_address", "reply_to", "return_path", "subject"), False))
        mails._erase_content()  # the search index, too, is made anew without the names
        return StepOutcome(kept={"inbox.message": len(mails)}, remaining=len(mails) == _BATCH)
