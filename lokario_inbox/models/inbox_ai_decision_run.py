import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import plaintext2html

from ..tools import ai_prompt, gate_language, llm_client, reply_gate
from .ai_run import AiRun

_logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 6
RETRY = (30, 120, 600, 1800, 3600)  # seconds


class InboxAiDecision(models.Model):
    """Asking and deciding. The model's words never choose a recipient, an attachment or a state beyond a draft."""

    _inherit = "inbox.ai.decision"

    @api.model
    def _cron_think(self):
        """Ask what is due; the synchronisation never waits for it."""
        AiRun(self).serve()

    @api.model
    def _due_domain(self):
        return Domain("state", "!=", "done") & Domain("next_try_at", "<=", fields.Datetime.now())

    def _prepare_question(self):
        """Return the Question to the model; None when it is settled without one."""
        return self._alone(lambda decision: decision._word_question())

    def _take_outcome(self, outcome, brief):
        """Take what came back for a question of this Brief."""
        self._alone(lambda decision: decision._take(outcome, brief))

    def _alone(self, act):
        """One step of one question, whatever happens to it; the others go on."""
        try:
            taken = self.try_lock_for_update().filtered_domain([("state", "!=", "done")])
            return act(taken) if taken else None
        except Exception:
            self.env.cr.rollback()
            _logger.exception("AI decision %s", self.id)
            self._try_later(self.env._("Internal error: see the server's log."))
            return None
        finally:
            self.env.cr.commit()  # pylint: disable=invalid-commit  # nothing is held while a model is asked

    def _word_question(self):
        if reason := self._reason_not_to_ask():
            return self._set_skipped(reason)
        brief, provider = self._brief(), self._provider()
        try:
            client = provider._get_llm_client__()
        except UserError as err:  # the key is lost
            return self._set_done("failed", error=str(err))
        version = ai_prompt.version(brief, provider.model_name)
        if self._asked_before(version):
            if not self.requester_id:
                return self._set_skipped("asked")
            version = f"{version}.{self.id}"  # a person wants another draft
        chat = ai_prompt.messages(brief)
        self._set_asking(provider, prompt_version=version, input_hash=ai_prompt.input_hash(chat))
        return llm_client.Question(self.id, client, chat, brief)

    def _set_skipped(self, reason):
        """reason: a code of REASONS, or "superseded": a newer mail stands for this one."""
        is_superseded = reason == "superseded"
        return self._set_done("superseded" if is_superseded else "skipped", not is_superseded and reason)

    def _set_asking(self, provider, **values):
        self.write(
            {
                "state": "asking",
                "provider_id": provider.id,
                "model_name": provider.model_name,
                "asked_at": fields.Datetime.now(),
                "attempts": self.attempts + 1,
                **values,
            }
        )

    def _asked_before(self, version):
        return self.search_count(
            [
                ("message_id", "=", self.message_id.id),
                ("purpose", "=", self.purpose),
                ("prompt_version", "=", version),
                ("id", "!=", self.id),
            ],
            limit=1,
        )

    def _take(self, outcome, brief):
        if isinstance(outcome, llm_client.LlmRejected):
            return self._set_done("failed", error=str(outcome))
        if not isinstance(outcome, llm_client.Completion):
            return self._try_later(str(outcome), getattr(outcome, "wait", 0))
        self.write(
            {
                "prompt_tokens": outcome.prompt_tokens,
                "completion_tokens": outcome.completion_tokens,
                "cost": self.cost + self.provider_id._cost(outcome),
            }
        )
        try:
            answer = llm_client.parse_object(outcome.text)
        except llm_client.LlmNonsense as err:
            return self._try_later(str(err))
        return getattr(self, f"_take_{self.purpose}")(answer, brief)

    def _try_later(self, error, wait=0):
        if self.attempts >= MAX_ATTEMPTS:
            return self._set_done("failed", error=error)
        seconds = max(wait, RETRY[min(self.attempts, len(RETRY)) - 1 if self.attempts else 0])
        return self.write({"error": error, "next_try_at": fields.Datetime.now() + timedelta(seconds=seconds)})

    def _provider(self):
        return self.company_id.sudo().inbox_ai_provider_id

    # === WHAT COMES BACK === #

    def _take_summary(self, answer, brief):
        text = answer.get("summary")
        if not isinstance(text, str) or not text.strip():
            return self._try_later(self.env._("The model did not answer with a summary."))
        self.conversation_id.write({"ai_summary": text.strip()[:2000], "ai_summary_at": fields.Datetime.now()})
        return self._set_done("summarised", text=text[:5000])

    def _take_classify(self, answer, brief):
        """File into a folder that exists and was offered; never over a person or a rule."""
        known = {number for number, __, __ in brief.folders}
        confidence = answer.get("confidence")
        confidence = min(1.0, max(0.0, float(confidence))) if isinstance(confidence, (int, float)) else 0.0
        folder = answer.get("folder")
        conversation = self.conversation_id
        sure = confidence >= self.company_id.inbox_ai_confidence
        if not isinstance(folder, int) or folder not in known or not sure or conversation.category_id:
            return self._set_done("unsure", confidence=confidence)
        conversation.with_context(tracking_disable=True).write({"category_id": folder, "classified_by": "ai"})
        return self._set_done("filed", confidence=confidence, category_id=folder)

    def _take_reply(self, answer, brief):
        text = answer.get("reply")
        if not isinstance(text, str) or not text.strip():
            return self._try_later(self.env._("The model did not answer with a text."))
        text = text.strip()[:10_000]
        verdict = self._judge(text, tuple(set(answer) - {"reply"}), brief)
        self.write({"text": text, "gate_reasons": [list(reason) for reason in verdict.reasons]})
        if self._reason_not_to_ask() == "superseded":  # a newer mail came while the model thought
            return self._set_done("superseded")
        return self._act(verdict)

    def _judge(self, text, extra, brief):
        """Ask the gate about exactly what would leave."""
        message, company = self.message_id, self.company_id
        mails = self.conversation_id._live_messages()
        ours = self.conversation_id._texts_we_sent()
        theirs = [f"{mail.subject or ''}\n{mail._visible_text()}" for mail in mails if not mail.is_sent_by_us()]
        language = gate_language.detect_language(message.body_text or "")
        context = reply_gate.Context(
            sender=message.from_address,
            sender_verified=message._is_authenticated(),
            trusted=(company.inbox_ai_allowlist or "", company.inbox_ai_knowledge or "", company.name, *ours),
            quoted=tuple(theirs),
            secrets=(brief.canary,),
            private=ai_prompt.prompt_texts(brief),
            languages=frozenset(code.split("_")[0] for code, __ in self.env["res.lang"].get_installed()) | {"fr", "en"},
            expected_language=language,
            allowed_promises=frozenset((self.policy_id.allowed_promises or "").replace(" ", "").split(",")),
        )
        draft = reply_gate.Draft(text, (self._recipient(),), extra=extra)
        return reply_gate.judge(draft, context)

    def _recipient(self):
        """The person who wrote, and only he: taken from the mail, never from the model."""
        return self.message_id.from_address or ""

    def _act(self, verdict):
        """A draft for a person, or an answer that leaves by itself."""
        mode = "approve" if self.requester_id else self.policy_id.mode
        if mode == "suggest":
            return self._set_done("suggested")
        outgoing = self._make_draft()
        self.outgoing_id = outgoing
        if self.policy_id.to_drafts_folder:
            outgoing._queue_draft_copy()
        if verdict.reasons:
            return self._set_done("refused" if mode == "auto" else "drafted")
        if mode != "auto":
            return self._set_done("drafted")
        if reason := self._reason_for_a_person():
            return self._set_done("drafted", reason)
        return self._send_by_itself(outgoing)

    def _text_as_html(self):
        return plaintext2html(self.text)

    def _make_draft(self):
        outgoing = self.env["inbox.outgoing"].sudo()
        values = outgoing._prepare_answer(self.message_id, "reply")
        return outgoing.create(
            {
                **values,
                "email_to": self._recipient(),
                "email_cc": False,
                "author_id": (self.requester_id or self.conversation_id.user_id or self.integration_id.user_id).id,
                "body_html": self._text_as_html(),
                "is_automatic": True,
                "is_ai": True,
                "with_history": True,
            }
        )

    def _send_by_itself(self, outgoing):
        """Queue the answer behind the undo window, inside the opening hours."""
        now = fields.Datetime.now()
        start = self.company_id._ai_opening().next_open(now)
        moment = max(start, now + timedelta(seconds=outgoing._undo_seconds()))
        outgoing._queue(moment)
        return self._set_done("queued")
