from odoo import models


class FollowupAnswers(models.AbstractModel):
    """A document in whose history a customer may answer: by mail, or by a comment on the portal.

    Stands first among what a model inherits: mail.thread ends the chain of the hook.
    """

    _name = "lokario.followup.answers"
    _description = "Document that customers answer"

    def _message_post_after_hook(self, message, msg_vals):
        if message.message_type in ("comment", "email") and self._is_from_customer(message):
            followups = self.sudo()._followups_answered()
            followups._refresh_plan()  # a document that he has just signed needs no reading
            followups._reply_received()
        return super()._message_post_after_hook(message, msg_vals)

    def _is_from_customer(self, message):
        """What a colleague writes is no answer, wherever he writes it; nor is what leaves in the company's own name."""
        author = message.sudo().author_id
        if message.is_internal or author.user_ids.filtered(lambda user: not user.share):
            return False
        if message.message_type == "email":
            return not author.ref_company_ids
        customers = self.sudo()._mail_get_partners()[self.id].commercial_partner_id
        return bool(author.commercial_partner_id & customers)

    def _followups_answered(self):
        return self.followup_ids
