from odoo import models

from ..tools import ai_prompt


class InboxAiDecision(models.Model):
    """What the model may know: this conversation, this customer, this company's knowledge."""

    _inherit = "inbox.ai.decision"

    def _brief(self):
        company, conversation = self.company_id, self.conversation_id
        mails = conversation._mails_for_ai()
        common = {"company": company.name, "canary": company._ai_canary(), "mails": mails}
        if self.purpose == "classify":
            return ai_prompt.Brief(
                "classify", folders=self._folders(), examples=self.env["inbox.ai.example"]._for(company), **common
            )
        if self.purpose == "summary":
            lang = self.env["res.lang"]._lang_get(conversation.user_id.lang or self.env.user.lang or "en_US")
            return ai_prompt.Brief("summary", language=lang.name or "English", **common)
        return ai_prompt.Brief(
            "reply",
            instructions=company.inbox_ai_prompt or "",
            knowledge=company.inbox_ai_knowledge or "",
            partner_facts=self._facts_allowed(),
            **common,
        )

    def _facts_allowed(self):
        """What the model is told of the customer: nothing unless the manager allows it, and of a proved sender only."""
        partner = self.conversation_id.partner_id
        if not self.company_id.inbox_ai_facts or not partner or not self.message_id._is_authenticated():
            return ""
        people = self.env["res.partner"].search([("id", "child_of", partner.commercial_partner_id.id)])
        return self._partner_facts() if self.message_id.from_address in people.mapped("email_normalized") else ""

    def _partner_facts(self):
        """Hook: return what may be told to this customer about his own open documents (quotes, invoices), as text of a
        few lines, "" for nothing. ``self`` is one sudoed decision.

        Contract: look only at documents of ``self.conversation_id.partner_id.commercial_partner_id`` in
        ``self.company_id``; name no other customer. It is called only when the manager allows it (`inbox_ai_facts`) and
        the sender is authenticated and is an address of this customer, and must not change anything.
        """
        return ""

    def _folders(self):
        categories = self.env["inbox.category"].search(
            [("company_id", "=", self.company_id.id), ("is_newsletter", "=", False), ("description", "!=", False)]
        )
        return tuple((category.id, category.name, category.description) for category in categories)
