import difflib
from functools import partial

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import html2plaintext

from odoo.addons.lokario_inbox.tools.loop_guard import answer_headers
from odoo.addons.lokario_inbox.tools.mime_builder import BadAddress
from odoo.addons.lokario_mailbox.tools.dispatcher import SendCancelled
from odoo.addons.lokario_mailbox.tools.mailbox_run import MailboxRun
from odoo.addons.lokario_mailbox.tools.steps import run_step


class InboxOutgoing(models.Model):
    """Drafts that AI wrote: judged by what people do with them, stopped at the last moment when they go alone."""

    _inherit = "inbox.outgoing"

    is_ai = fields.Boolean("Written by AI", readonly=True, copy=False)
    decision_ids = fields.One2many("inbox.ai.decision", "outgoing_id")
    draft_copy_state = fields.Selection(
        [("pending", "To be filed"), ("filed", "In Drafts"), ("removing", "To be removed"), ("removed", "Removed")],
        readonly=True,
        copy=False,
    )

    def _extra_headers(self):
        """An automatic answer says that it is one."""
        headers = super()._extra_headers()
        return {**headers, **answer_headers()} if self.is_automatic else headers

    # === PEOPLE === #

    def action_send(self):
        self._judge_by_person()
        return super().action_send()

    def action_schedule(self, send_at):
        self._judge_by_person()
        return super().action_schedule(send_at)

    def action_cancel(self):
        queued = self.filtered(lambda outgoing: outgoing.state == "scheduled" and outgoing.is_automatic)
        queued.sudo().decision_ids._set_judged("taken_back", minutes_saved=0)
        (self - queued).sudo().decision_ids._set_judged("rejected", minutes_saved=0)
        return super().action_cancel()

    def action_undo(self):
        queued = self.filtered(lambda outgoing: outgoing.is_automatic)
        result = super().action_undo()
        queued.sudo().decision_ids._set_judged("taken_back", minutes_saved=0)
        return result

    def _judge_by_person(self):
        """A person sends an AI draft: unchanged is acceptance, changed is not; from now on a person answers for it."""
        for outgoing in self.sudo().filtered("is_ai"):
            outgoing.check_access("write")
            for decision in outgoing.decision_ids:
                likeness = outgoing._likeness(decision.text)
                saved = outgoing.company_id.inbox_ai_minutes * likeness
                decision._set_judged(
                    "approved" if likeness > 0.985 else "edited", similarity=likeness, minutes_saved=saved
                )
            outgoing.write({"is_automatic": False, "author_id": self.env.uid})

    def _likeness(self, text):
        """Return how much of the draft is in what is sent, 0 to 1, blanks aside."""
        sent = " ".join(html2plaintext(self.body_html or "").split())
        return difflib.SequenceMatcher(None, " ".join((text or "").split()), sent, autojunk=False).ratio()

    # === THE LAST MOMENT === #

    def _reason_to_stay(self):
        """What leaves automatically is asked again right before it leaves, with fresh eyes."""
        if reason := super()._reason_to_stay():
            return reason
        if not self.is_automatic:
            return None
        self.env.invalidate_all()
        now = fields.Datetime.now()
        decision = self.decision_ids[:1]
        policy = self.env["inbox.ai.policy"]._for(self.conversation_id)
        opening = self.company_id._ai_opening().next_open(now)
        if self.company_id.inbox_ai_stopped or not decision or policy.mode != "auto":
            return SendCancelled("not_allowed")
        if self._was_answered() or self.conversation_id._is_answered_since(self.parent_id, but=self):
            return SendCancelled("answered")
        if decision._limit_reached() or not decision._is_still_right():
            return SendCancelled("not_allowed")
        return SendCancelled("later", until=opening) if opening > now else None

    def _set_discarded(self, cause):
        super()._set_discarded(cause)
        self._close_decisions(cause)

    def _notify_outcome(self, mail):
        super()._notify_outcome(mail)
        if mail.state == "cancelled":
            self._close_decisions(mail.cause)

    def _close_decisions(self, cause):
        outcome = {"answered": "elsewhere"}.get(cause, "drafted")
        for outgoing in self.filtered("is_automatic"):
            outgoing.decision_ids.filtered(lambda item: item.outcome == "queued").write({"outcome": outcome})
            outgoing._queue_draft_removal()

    def _after_sent(self):
        super()._after_sent()
        for decision in self.decision_ids.filtered(lambda item: item.outcome == "queued"):
            decision.write({"outcome": "sent", "minutes_saved": self.company_id.inbox_ai_minutes, "similarity": 1.0})
        self._queue_draft_removal()

    # === THE MAILBOX'S DRAFTS FOLDER === #

    def _queue_draft_copy(self):
        self.write({"draft_copy_state": "pending"})
        self.env.ref("lokario_inbox_ai.ir_cron_file_drafts").sudo()._trigger()

    def _queue_draft_removal(self):
        filed = self.filtered(lambda outgoing: outgoing.draft_copy_state in ("pending", "filed"))
        if filed:
            filed.write({"draft_copy_state": "removing"})
            self.env.ref("lokario_inbox_ai.ir_cron_file_drafts").sudo()._trigger()

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
            raw = run_step(self.env, partial(self.env["inbox.composition"]._draft_bytes, draft))
        except BadAddress:
            raw = b""
        return draft.message_id_header, raw

    @api.model
    def _note_draft_copy(self, draft_id, state):
        """Done, unless the draft itself was sent or thrown away meanwhile."""
        done = {"pending": "filed", "removing": "removed"}[state]
        unchanged = [("draft_copy_state", "=", state)]
        run_step(self.env, lambda: self.browse(draft_id).filtered_domain(unchanged).write({"draft_copy_state": done}))
