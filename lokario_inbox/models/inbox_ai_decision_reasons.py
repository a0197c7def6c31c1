from datetime import timedelta

from odoo import fields, models
from odoo.fields import Domain

from ..tools import loop_guard

FRESH = timedelta(days=1)  # older mail is not answered by a machine


class InboxAiDecision(models.Model):
    """Why a mail is not put to a model, and why an answer does not leave without a person: codes of REASONS."""

    _inherit = "inbox.ai.decision"

    # === MAY IT BE ASKED? === #

    def _reason_not_to_ask(self):
        """Return a code of REASONS, "superseded", or None."""
        company, provider = self.company_id, self._provider()
        if company.inbox_ai_stopped and self.purpose == "reply":
            return "stopped"
        if not provider or not provider.active:
            return "no_provider"
        if not provider._has_budget():
            return "budget"
        if self.purpose == "summary" and self.conversation_id._live_messages()[-1:] != self.message_id:
            return "superseded"
        if self.purpose != "reply":
            return None
        return self._reason_not_to_answer()

    def _reason_not_to_answer(self):
        message, conversation = self.message_id, self.conversation_id
        policy = self.env["inbox.ai.policy"]._for(conversation)
        self.write({"policy_id": policy.id, "mode": policy.mode or "off", "category_id": conversation.category_id.id})
        if not (message.body_text or "").strip():
            return "no_text"
        if conversation._last_message_of_customer() != message:
            return "superseded"
        if self.requester_id:  # who asked for a draft reads it: what follows guards answers that nobody asked for
            return None
        if not policy or policy.mode == "off":
            return "policy_off"
        if message.date < fields.Datetime.now() - FRESH:
            return "old"
        if conversation.state in ("spam", "archived"):
            return "closed"
        if message.is_newsletter:
            return "newsletter"
        if conversation._is_answered_since(message):
            return "person_answering"
        return loop_guard.refusal(message._header_pairs(), self.env["inbox.integration"]._all_own_addresses())

    # === MAY IT LEAVE BY ITSELF? === #

    def _reason_for_a_person(self):
        """In mode auto: why a person must look at this one all the same."""
        policy = self.policy_id
        if self.company_id.inbox_ai_stopped:  # while the model thought
            return "stopped"
        if not policy._may_send(self.message_id):
            return "sample" if policy.is_earned else "not_earned"
        if self.message_id._authentication() == "fail":
            return "forged"
        return self._limit_reached()

    def _limit_reached(self):
        """Return the limit that forbids another automatic answer now, or None; what counts is what left or will."""
        company, now = self.company_id, fields.Datetime.now()
        sender = Domain("parent_id.from_address", "=", self.message_id.from_address)
        if self._left_by_itself(sender, since=now - timedelta(hours=max(1, company.inbox_ai_sender_hours))):
            return "sender_limit"
        thread = Domain("conversation_id", "=", self.conversation_id.id)
        if self._left_by_itself(thread) >= company.inbox_ai_thread_limit:
            return "thread_limit"
        if self._left_by_itself(Domain.TRUE, since=now - timedelta(days=1)) >= company.inbox_ai_day_limit:
            return "day_limit"
        return None

    def _left_by_itself(self, which, since=None):
        """Count the company's other automatic answers: on their way, or sent, since a moment."""
        sent = Domain("state", "=", "sent") & (Domain("sent_at", ">=", since) if since else Domain.TRUE)
        on_its_way = Domain("state", "in", ("scheduled", "sending", "verifying", "uncertain"))
        automatic = Domain("is_automatic", "=", True) & Domain("company_id", "=", self.company_id.id)
        others = automatic & Domain("id", "!=", self.outgoing_id.id)
        return self.env["inbox.outgoing"].sudo().search_count(others & which & (sent | on_its_way))
