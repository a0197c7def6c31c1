from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import html2plaintext

from odoo.addons.lokario_inbox.tools.fenced_reader import reader
from odoo.addons.lokario_inbox.tools.quoted_html import fold_html

from ..tools.ai_prompt import Mail


class InboxConversation(models.Model):
    _inherit = "inbox.conversation"

    classified_by = fields.Selection(selection_add=[("ai", "AI"), ("person",)], ondelete={"ai": "set null"})
    ai_summary = fields.Text("Summary", readonly=True)
    ai_summary_at = fields.Datetime(readonly=True)
    ai_decision_ids = fields.One2many("inbox.ai.decision", "conversation_id")

    def _live_messages(self):
        return (
            self.env["inbox.message"]
            .sudo()
            .search([("conversation_id", "=", self.id), ("deleted_at", "=", False)], order="date, id")
        )

    def _last_message_of_customer(self):
        return self._live_messages().filtered(lambda mail: not mail.is_own)[-1:]

    def _is_answered_since(self, message, but=None):
        """Whether we answered after a mail came in, or a person is writing or has an answer on its way."""
        newer = self._live_messages().filtered(
            lambda mail: mail.is_own and (mail.date, mail.id) > (message.date, message.id)
        )
        others = (self.sudo().outgoing_ids - (but or self.env["inbox.outgoing"])).filtered(
            lambda item: (
                item.parent_id == message
                and (
                    item.state in ("scheduled", "sending", "verifying", "sent")
                    or (item.state == "draft" and not item.is_automatic)
                )
            )
        )
        return bool(newer or others)

    def _mails_for_ai(self):
        """The mails of this conversation as the model sees them."""
        return tuple(
            Mail(
                "company" if mail.is_own else "customer",
                fields.Datetime.to_string(mail.date),
                mail.subject or "",
                mail.body_text or "",
            )
            for mail in self._live_messages()
        )

    def _texts_we_sent(self):
        """What was written here in the mails that left by the outbox, as it was seen, without the history they quote.

        Only that lends values to a draft without a warning: a quotation holds the values of whoever wrote it.
        """
        sent = self.sudo().outgoing_ids.filtered(lambda outgoing: outgoing.state == "sent" and outgoing.body_html)[:5]
        return [reader.visible_text(fold_html(outgoing.body_html).visible) for outgoing in sent]

    def _is_long_for_ai(self):
        """Whether the company wants a conversation of this length summarised automatically."""
        company_sudo = self.company_id.sudo()
        least = company_sudo.inbox_ai_summary_from
        return bool(least and company_sudo.inbox_ai_provider_id and len(self._live_messages()) >= least)

    # === BUTTONS === #

    def action_summarise(self):
        """Have the conversation summarised in the background."""
        self.ensure_one()
        self.check_access("read")
        if not self.company_id.sudo().inbox_ai_provider_id:
            raise UserError(self.env._("Choose an AI provider in the settings first."))
        last = self._live_messages()[-1:]
        if not last:
            raise UserError(self.env._("There is no mail to summarise."))
        last._ask_ai("summary", self.env.user)

    def action_ai_draft(self):
        """Button “Draft an answer”: a draft for the user, whatever the policy says of answers without a request."""
        self.ensure_one()
        self.check_access("read")
        if not self.company_id.sudo().inbox_ai_provider_id:
            raise UserError(self.env._("Choose an AI provider in the settings first."))
        last = self._last_message_of_customer()
        if not last:
            raise UserError(self.env._("There is no mail of a customer to answer."))
        if last.ai_decision_ids.outgoing_id.filtered(lambda item: item.state == "draft"):
            raise UserError(self.env._("A draft by AI already waits in this conversation: send it or throw it away."))
        last._ask_ai("reply", self.env.user)

    def action_use_suggestion(self):
        """Return the id of a draft of the user's own with the suggested text."""
        self.ensure_one()
        self.check_access("write")
        decision_sudo = self.sudo().ai_decision_ids.filtered(lambda item: item.outcome == "suggested")[:1]
        if not decision_sudo:
            raise UserError(self.env._("There is no suggestion."))
        draft = self.env["inbox.outgoing"].browse(self.action_compose("reply", decision_sudo.message_id.id))
        draft.body_html = decision_sudo._text_as_html()
        draft.sudo().is_ai = True
        decision_sudo.outgoing_id = draft
        return draft.id

    def action_why(self):
        """Button “Why did it (not) answer?”"""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("lokario_inbox_ai.inbox_ai_decision_action")
        return {**action, "domain": [("conversation_id", "=", self.id)], "context": {}}

    def get_ai_state(self):
        """Return what the reader's AI panel shows: the newest decision on an answer, and the summary."""
        self.ensure_one()
        self.check_access("read")
        decision = self.sudo().ai_decision_ids.filtered(lambda item: item.purpose == "reply")[:1]
        draft = decision.outgoing_id.filtered(
            lambda item: item.state == "draft" and (item.is_automatic or item.author_id == self.env.user)
        )  # a suggestion that somebody made his own is his until it leaves
        return {
            "summary": self.ai_summary or "",
            "has_provider": bool(self.company_id.sudo().inbox_ai_provider_id),
            "stopped": self.company_id.inbox_ai_stopped,
            "decision": decision.read(["outcome", "explanation", "is_composed"])[0] if decision else None,
            "text": html2plaintext(draft.body_html or "") if draft else decision.text or "",  # what would be sent
            "outgoing_id": draft.id,
        }

    def _alert_person_in_charge(self, kinds):
        """Only a person answers this: it is urgent, and who is in charge has an activity today."""
        user = self.user_id or self.integration_id.user_id
        translated = self.with_context(lang=user.lang)
        named = ", ".join(str(translated.env._(kind)) for kind in kinds)
        summary = translated.env._("Answer personally: %s", named)
        self.is_urgent = True
        if summary not in self.activity_ids.mapped("summary"):
            translated.with_context(mail_activity_quick_update=True).activity_schedule(
                "mail.mail_activity_data_warning", summary=summary, user_id=user.id
            )

    # === FILING === #

    def _ask_where_to_file(self):
        for company, conversations in (
            self.filtered(lambda item: item.company_id.inbox_ai_classify).grouped("company_id").items()
        ):
            if company.sudo().inbox_ai_provider_id:
                conversations._last_received()._ask_ai("classify")

    def _last_received(self):
        """The newest received mail of each conversation, one query."""
        messages = (
            self.env["inbox.message"]
            .sudo()
            .search([("conversation_id", "in", self.ids), ("direction", "=", "in")], order="date desc, id desc")
        )
        newest = {}
        for message in messages:
            newest.setdefault(message.conversation_id.id, message.id)
        return messages.browse(newest.values())

    def write(self, vals):
        if "category_id" in vals and not vals.get("classified_by"):
            self.filtered(lambda item: item.classified_by == "ai")._remember_correction(vals["category_id"])
        return super().write(vals)

    def _remember_correction(self, category_id):
        """The company learns from its shared mail: what is private is nobody else's example."""
        for conversation in self.filtered(lambda item: not item.owner_id):
            if category_id and conversation.category_id.id != category_id:
                self.env["inbox.ai.example"].sudo()._remember(conversation, category_id)
