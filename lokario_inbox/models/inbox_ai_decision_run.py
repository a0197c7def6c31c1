import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import plaintext2html

from ..tools import ai_prompt, gate_language, llm_client, loop_guard, reply_gate

_logger = logging.getLogger(__name__)

BATCH = 50
MAX_ATTEMPTS = 6
FRESH = timedelta(days=1)  # older mail is not answered by a machine
RETRY = (30, 120, 600, 1800, 3600)  # seconds


class InboxAiDecision(models.Model):
    """Asking and deciding. The model's words never choose a recipient, an attachment or a state beyond a draft."""

    _inherit = "inbox.ai.decision"

    @api.model
    def _cron_think(self):
        """Ask what is due; the synchronisation never waits for it."""
        domain = Domain("state", "!=", "done") & Domain("next_try_at", "<=", fields.Datetime.now())
        due = self.search(domain, limit=BATCH, order="next_try_at, id")
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=self.search_count(domain))
        for decision in due:
            decision._process()
            if not commit_progress(1):
                break

    def _process(self):
        """One question, whatever happens to it; the others go on."""
        try:
            taken = self.try_lock_for_update().filtered_domain([("state", "!=", "done")])
            if taken:
                taken._decide()
        except Exception:
            self.env.cr.rollback()
            _logger.exception("AI decision %s", self.id)
            self._try_later(self.env._("Internal error: see the server's log."))
        self._commit()

    def _commit(self):
        self.env.cr.commit()  # pylint: disable=invalid-commit  # nothing is held while a model is asked

    def _decide(self):
        """From the mail to a closed decision, or to another try."""
        if reason := self._reason_not_to_ask():
            return self._set_done(
                "superseded" if reason == "superseded" else "skipped", reason if reason != "superseded" else False
            )
        brief = self._brief()
        chat = ai_prompt.messages(brief)
        provider = self._provider()
        try:
            client = provider._get_llm_client__()
        except (UserError, llm_client.LlmRejected) as err:
            return self._set_done("failed", error=str(err))
        version = ai_prompt.version(brief, provider.model_name)
        if self._asked_before(version):
            return self._set_done("superseded")
        self.write(
            {
                "state": "asking",
                "provider_id": provider.id,
                "model_name": provider.model_name,
                "asked_at": fields.Datetime.now(),
                "prompt_version": version,
                "input_hash": ai_prompt.input_hash(chat),
                "attempts": self.attempts + 1,
            }
        )
        self._commit()
        return self._ask(client, chat, brief)

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

    def _ask(self, client, chat, brief):
        try:
            completion = client.complete(chat)
        except llm_client.LlmRejected as err:
            return self._set_done("failed", error=str(err))
        except llm_client.LlmError as err:
            return self._try_later(str(err), getattr(err, "wait", 0))
        self.write(
            {
                "prompt_tokens": completion.prompt_tokens,
                "completion_tokens": completion.completion_tokens,
                "cost": self.cost + self.provider_id._cost(completion),
            }
        )
        try:
            answer = llm_client.parse_object(completion.text)
        except llm_client.LlmNonsense as err:
            return self._try_later(str(err))
        return getattr(self, f"_take_{self.purpose}")(answer, brief)

    def _try_later(self, error, wait=0):
        if self.attempts >= MAX_ATTEMPTS:
            return self._set_done("failed", error=error)
        seconds = max(wait, RETRY[min(self.attempts, len(RETRY)) - 1 if self.attempts else 0])
        return self.write({"error": error, "next_try_at": fields.Datetime.now() + timedelta(seconds=seconds)})

    # === MAY IT BE ASKED? === #

    def _provider(self):
        return self.company_id.sudo().inbox_ai_provider_id

    def _reason_not_to_ask(self):
        """Return a code of REASONS, "superseded", or None."""
        company, provider = self.company_id, self._provider()
        if company.inbox_ai_stopped and self.purpose == "reply":
            return "stopped"
        if not provider or not provider.active:
            return "no_provider"
        if not provider._has_budget():
            return "budget"
        if self.purpose != "reply":
            return None
        return self._reason_not_to_answer()

    def _reason_not_to_answer(self):
        message, conversation = self.message_id, self.conversation_id
        policy = self.env["inbox.ai.policy"]._for(conversation)
        self.write({"policy_id": policy.id, "mode": policy.mode or "off", "category_id": conversation.category_id.id})
        if not policy or policy.mode == "off":
            return "policy_off"
        if message.date < fields.Datetime.now() - FRESH:
            return "old"
        if conversation.state in ("spam", "archived"):
            return "closed"
        if message.is_newsletter:
            return "newsletter"
        if not (message.body_text or "").strip():
            return "no_text"
        if conversation._last_message_of_customer() != message:
            return "superseded"
        if conversation._is_answered_since(message):
            return "person_answering"
        return loop_guard.refusal(message._header_pairs(), self.env["inbox.integration"]._all_own_addresses())

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
        ours = [mail.body_text or "" for mail in mails if mail.is_sent_by_us()]
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
        if self.policy_id.mode == "suggest":
            return self._set_done("suggested")
        outgoing = self._make_draft()
        self.outgoing_id = outgoing
        if self.policy_id.to_drafts_folder:
            outgoing._queue_draft_copy()
        if verdict.reasons:
            return self._set_done("refused" if self.policy_id.mode == "auto" else "drafted")
        if self.policy_id.mode != "auto":
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
                "author_id": (self.conversation_id.user_id or self.integration_id.user_id).id,
                "body_html": self._text_as_html(),
                "is_automatic": True,
                "is_ai": True,
                "with_history": True,
            }
        )

    def _reason_for_a_person(self):
        """In mode auto: why a person must look at this one all the same."""
        policy = self.policy_id
        if not policy._may_send(self.message_id):
            return "sample" if policy.is_earned else "not_earned"
        if self.message_id._authentication() == "fail":
            return "forged"
        return self._limit_reached()

    def _limit_reached(self):
        """Return the limit that forbids another automatic answer now, or None."""
        company, now = self.company_id, fields.Datetime.now()
        sent = (
            Domain("purpose", "=", "reply") & Domain("outcome", "in", ("queued", "sent")) & Domain("id", "!=", self.id)
        )
        same_company = sent & Domain("company_id", "=", company.id)
        period = now - timedelta(hours=max(1, company.inbox_ai_sender_hours))
        address = self.message_id.from_address
        if self.search_count(
            same_company & Domain("message_id.from_address", "=", address) & Domain("asked_at", ">=", period), limit=1
        ):
            return "sender_limit"
        if (
            self.search_count(sent & Domain("conversation_id", "=", self.conversation_id.id))
            >= company.inbox_ai_thread_limit
        ):
            return "thread_limit"
        if (
            self.search_count(same_company & Domain("asked_at", ">=", now - timedelta(days=1)))
            >= company.inbox_ai_day_limit
        ):
            return "day_limit"
        return None

    def _send_by_itself(self, outgoing):
        """Queue the answer behind the undo window, inside the opening hours."""
        start = self.company_id._ai_opening().next_open(fields.Datetime.now())
        if not start:
            return self._set_done("drafted", "closed")
        now = fields.Datetime.now()
        moment = max(start, now + timedelta(seconds=outgoing._undo_seconds()))
        outgoing._set_scheduled(moment, **outgoing._finished(now))
        return self._set_done("queued")
