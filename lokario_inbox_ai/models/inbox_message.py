from email.parser import HeaderParser

from odoo import fields, models

from odoo.addons.lokario_inbox.tools.authentication import authentication_verdict, trusted_authserv
from odoo.addons.lokario_inbox.tools.fenced_reader import reader

MAX_LOOKED_AT = 50_000  # characters of HTML in which hidden text is looked for


class InboxMessage(models.Model):
    _inherit = "inbox.message"

    ai_decision_ids = fields.One2many("inbox.ai.decision", "message_id")

    def _ask_about_arrival(self):
        """Queue questions about fresh mail; close drafts answered elsewhere."""
        since = fields.Datetime.subtract(fields.Datetime.now(), days=1)
        fresh = self.filtered(lambda mail: mail.date and mail.date >= since)
        self.browse(fresh.ids)._close_answered_drafts()
        for conversation in fresh.conversation_id.filtered(lambda item: item._is_long_for_ai()):
            conversation._live_messages()[-1:]._ask_ai("summary")
        received = fresh.filtered(lambda mail: mail.direction == "in" and mail.conversation_id)
        if received and self.env["inbox.ai.policy"].sudo().search_count(
            [("integration_id", "=", received[0].integration_id.id), ("mode", "!=", "off")], limit=1
        ):
            received._ask_ai("reply")

    def _close_answered_drafts(self):
        """A mail of ours came by the mailbox (from a phone, say): its conversation's AI drafts are done."""
        sent = self.filtered(lambda mail: mail.direction == "out" and mail.conversation_id)
        if not sent:
            return
        drafts = (
            self.env["inbox.outgoing"]
            .sudo()
            .search(
                [
                    ("conversation_id", "in", sent.conversation_id.ids),
                    ("state", "in", ("draft", "scheduled")),
                    ("is_automatic", "=", True),
                ]
            )
        )
        for draft in drafts:
            answer = sent.filtered(
                lambda mail, draft=draft: (
                    mail.conversation_id == draft.conversation_id and mail.date >= draft.parent_id.date
                )
            )
            if answer:
                draft.decision_ids._set_judged("elsewhere")
                draft._cancel("answered")

    def _ask_ai(self, purpose, requester=None):
        """Put a question about each mail into the queue; asking twice asks once. requester: the person who wants it."""
        if not self:
            return
        decisions = self.env["inbox.ai.decision"].sudo()
        known = decisions.search(
            [("message_id", "in", self.ids), ("purpose", "=", purpose), ("state", "!=", "done")]
        ).message_id
        decisions.create(
            [
                {
                    "company_id": mail.company_id.id,
                    "integration_id": mail.integration_id.id,
                    "owner_id": mail.owner_id.id,
                    "conversation_id": mail.conversation_id.id,
                    "message_id": mail.id,
                    "purpose": purpose,
                    "requester_id": requester and requester.id,
                }
                for mail in self - known
            ]
        )
        self.env.ref("lokario_inbox_ai.ir_cron_ai_think").sudo()._trigger()

    def _visible_text(self):
        """Return what a person sees of the mail, "" for one too large to look: a stranger's mail takes no time."""
        if not self.body_html:
            return self.body_text or ""
        return reader.visible_text(self.body_html) if len(self.body_html) <= MAX_LOOKED_AT else ""

    def _header_pairs(self):
        """Return the (name, value) pairs of the mail's headers, for loop protection."""
        pairs = HeaderParser().parsestr(self.headers or "").items()
        names = {name.lower() for name, __ in pairs}
        stored = {
            "From": self.email_from,
            "To": self.email_to,
            "Cc": self.email_cc,
            "Subject": self.subject,
            "Reply-To": self.reply_to,
            "Auto-Submitted": self.auto_submitted,
            "List-Id": self.list_id,
            "Precedence": self.precedence,
            "Return-Path": self.return_path,
        }
        return [*pairs, *((name, value) for name, value in stored.items() if value and name.lower() not in names)]

    def _authentication(self):
        """Return "pass", "fail" or "none" for the author of the mail."""
        trusted = trusted_authserv(self.integration_id.sudo().imap_host)
        return authentication_verdict(self.headers, self.from_address or "", trusted)

    def _is_authenticated(self):
        return self._authentication() == "pass"
