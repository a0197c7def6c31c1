"""A question to a model about a mail: why it is asked or not, what it may know, and what becomes of its answer."""

import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain
from odoo.tools import plaintext2html

from odoo.addons.lokario_inbox.tools import loop_guard

from ..const import OBSTACLES, OUTCOMES, PURPOSES, REASONS, SENSITIVE, WARNINGS
from ..tools import ai_prompt, composition, llm_client
from ..tools.ai_run import AiRun
from ..tools.draft_warnings import Sources, draft_warnings, mail_warnings
from ..tools.language import detect_language
from ..tools.structured_answer import MAX_DRAFT, Choice, read_answer, readable

_logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 6
GC_LIMIT = 5000  # rows erased in one go of the nightly cleaning

RETRY = (30, 120, 600, 1800, 3600)  # seconds

FRESH = timedelta(days=1)  # older mail is not answered by a machine


class InboxAiDecision(models.Model):
    """What AI was asked about a mail, what it answered, what became of it. Never changed afterwards."""

    _name = "inbox.ai.decision"
    _inherit = ["lokario.access.mixin"]
    _description = "AI Decision"
    _order = "id desc"
    _rec_name = "message_id"
    company_id = fields.Many2one("res.company", required=True, index=True, ondelete="cascade")
    integration_id = fields.Many2one(
        "inbox.integration", string="Mailbox", required=True, index=True, ondelete="cascade"
    )
    owner_id = fields.Many2one("res.users", index="btree_not_null")
    requester_id = fields.Many2one(
        "res.users",
        "Asked for by",
        index="btree_not_null",
        ondelete="set null",
        help="Empty: asked by the mail itself.",
    )
    conversation_id = fields.Many2one("inbox.conversation", index=True, ondelete="cascade")
    message_id = fields.Many2one("inbox.message", required=True, index=True, ondelete="cascade")
    purpose = fields.Selection(PURPOSES, required=True)
    state = fields.Selection(
        [("pending", "Waiting"), ("asking", "Being asked"), ("done", "Done")],
        required=True,
        default="pending",
        index=True,
    )
    outcome = fields.Selection(OUTCOMES, index=True)
    reason = fields.Selection(REASONS, help="Why it did not answer automatically.")
    policy_id = fields.Many2one("inbox.ai.policy", ondelete="set null", index="btree_not_null")
    mode = fields.Char(help="Mode of the policy when it was decided.")
    category_id = fields.Many2one("inbox.category", string="Folder", ondelete="set null")
    provider_id = fields.Many2one("inbox.ai.provider", ondelete="set null", index="btree_not_null")
    model_name = fields.Char("Model")
    prompt_version = fields.Char(default="", required=True)
    input_hash = fields.Char(help="SHA-256 of what the model was given.")
    text = fields.Text("Draft", help="Of approved passages, or written by the model.")
    is_composed = fields.Boolean("Approved passages", help="No word of it is the model's.")
    intent_id = fields.Many2one("inbox.answer.intent", "Question", ondelete="set null", index="btree_not_null")
    block_ids = fields.Many2many("inbox.answer.block", string="Passages")
    choice = fields.Json(help="The model's choice and the records of the list it was given.")
    obstacles = fields.Json(help="(code, detail) pairs: why approved passages do not leave automatically.")
    warnings = fields.Json(help="(code, detail) pairs: what a person should check in the draft.")
    sensitive = fields.Json(help="What only a person answers: codes.")
    would_leave = fields.Boolean("Would have left", help="Without the trial, it would have left automatically.")
    confidence = fields.Float()
    prompt_tokens = fields.Integer()
    completion_tokens = fields.Integer()
    cost = fields.Float(digits=(12, 6))
    similarity = fields.Float(help="Between the draft and what was sent, 0 to 1.", aggregator="avg")
    minutes_saved = fields.Float()
    attempts = fields.Integer()
    next_try_at = fields.Datetime(default=fields.Datetime.now, index=True)
    asked_at = fields.Datetime(index=True)
    judged_at = fields.Datetime()
    judge_id = fields.Many2one("res.users", ondelete="set null")
    outgoing_id = fields.Many2one("inbox.outgoing", ondelete="set null", index="btree_not_null")
    error = fields.Char()
    is_draft = fields.Boolean("A draft", compute="_compute_is_draft", store=True)
    is_accepted = fields.Float("Acceptance", compute="_compute_is_draft", store=True, aggregator="avg")
    explanation = fields.Text(compute="_compute_explanation")
    # The idempotency key: one question per message, purpose and prompt version. "" is a question not worded.
    _question_uniq = models.UniqueIndex(
        "(message_id, purpose, prompt_version) WHERE prompt_version != ''",
        "This question was already asked about this mail.",
    )
    _open_question_uniq = models.UniqueIndex(
        "(message_id, purpose) WHERE state != 'done'", "This question about this mail waits already."
    )
    _due_idx = models.Index("(next_try_at) WHERE state != 'done'")

    @api.depends("outcome", "purpose")
    def _compute_is_draft(self):
        for decision in self:
            judged = decision.outcome in ("approved", "edited", "rejected", "taken_back")
            drafted = judged or decision.outcome in ("drafted", "suggested", "queued", "sent", "elsewhere")
            decision.is_draft = decision.purpose == "reply" and drafted
            decision.is_accepted = float(decision.outcome in ("approved", "sent"))

    @api.depends("outcome", "reason", "obstacles", "warnings", "error", "is_composed", "would_leave", "text")
    def _compute_explanation(self):
        names = dict(self._fields["outcome"]._description_selection(self.env))
        reasons = dict(self._fields["reason"]._description_selection(self.env))
        for decision in self:
            lines = [names.get(decision.outcome) or self.env._("Still waiting.")]
            if decision.reason:
                lines.append(reasons[decision.reason])
            lines += decision._origin_lines()
            lines += decision._lines(OBSTACLES, decision.obstacles) + decision._warning_lines()
            if decision.error:
                lines.append(decision.error)
            decision.explanation = "\n".join(lines)

    def _origin_lines(self):
        """Say whose words they are: that decides how closely they must be read."""
        if not self.text or self.purpose != "reply":
            return []
        lines = [self.env._("Written by the model: read every word before you send it.")]
        if self.is_composed:
            lines = [self.env._("Composed of approved passages; the model chose them.")]
        if self.would_leave and self.outcome not in ("queued", "sent"):
            lines.append(self.env._("It would have left automatically."))
        return lines

    def _warning_lines(self):
        return self._lines(WARNINGS, self.warnings)

    def _lines(self, names, pairs):
        """Return (code, detail) pairs in the user's words; details are those of the mail or draft."""
        lines = []
        for code, detail in pairs or ():
            words = self.env._(SENSITIVE[detail]) if detail in SENSITIVE else detail
            lines.append(f"• {self.env._(names.get(code, code))}" + (f" ({words})" if words else ""))
        return lines

    def _set_done(self, outcome, reason=False, **values):
        """Close the question; the draft that it may have is judged later."""
        self.write({"state": "done", "outcome": outcome, "reason": reason, **values})
        self.conversation_id._announce_change()

    def _set_judged(self, outcome, **values):
        """A person's verdict on a draft; only the first one counts."""
        open_ones = self.filtered(lambda item: item.outcome in ("drafted", "suggested", "queued", "sent"))
        open_ones.write({"outcome": outcome, "judged_at": fields.Datetime.now(), "judge_id": self.env.uid, **values})

    def action_open_conversation(self):
        self.ensure_one()
        return self.conversation_id.action_open_inbox()

    def action_mark_wrong(self):
        """A person says that an answer that left automatically was wrong: trust is lost by it."""
        self.check_access("read")
        wrong_sudo = self.sudo().filtered(lambda item: item.outcome == "sent")
        if not wrong_sudo:
            raise UserError(self.env._("Only an answer that left automatically can be marked as wrong."))
        wrong_sudo._set_judged("rejected", minutes_saved=0)

    @api.autovacuum
    def _gc_old(self):
        old = self.sudo().search([("create_date", "<", "-365d"), ("state", "=", "done")], limit=GC_LIMIT)
        old.unlink()
        return len(old), len(old) == GC_LIMIT

    @api.model
    def _cron_think(self):
        """Ask what is due; the synchronisation never waits for it."""
        AiRun(self).serve()

    @api.model
    def _due_domain(self):
        return Domain("state", "!=", "done") & Domain("next_try_at", "<=", fields.Datetime.now())

    def _prepare_question(self):
        """Return the Question to the model; None when it is decided without one."""
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
        reason = self._reason_not_to_ask()
        if self.purpose == "reply" and reason in (None, "budget", "stopped"):
            composer = self.env["inbox.answer.composer"]
            own = composer._own_text(self.message_id)
            self._note_sensitive(composer._sensitive_kinds(self.message_id, own))
        if reason:
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

    def _take_summary(self, answer, brief):
        text = answer.get("summary")
        text = readable(text) if isinstance(text, str) else ""
        if not text.strip():
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
        try:
            answer = read_answer(answer)
        except llm_client.LlmNonsense as err:
            return self._try_later(str(err))
        if self._reason_not_to_ask() == "superseded":  # a newer mail came while the model thought
            return self._set_done("superseded")
        self._note_sensitive([kind for kind in SENSITIVE if kind in (answer.intent, *answer.sensitive)])
        if isinstance(answer, Choice):
            return self._take_choice(answer, brief)
        text = answer.reply[:MAX_DRAFT]
        self.write({"text": text, "warnings": self._warnings(text)})
        return self._act("")

    def _take_choice(self, choice, brief):
        records = {key: self.env[model].browse(id_) for key, _kind, _label, model, id_ in brief.records}
        answer = self.env["inbox.answer.composer"]._answer(self.message_id, choice, records)
        intents = self.env["inbox.answer.intent"]._for(self.company_id)
        self.write(
            {
                "text": answer.text,
                "is_composed": True,
                "intent_id": intents.filtered(lambda intent: intent.code == choice.intent).id,
                "block_ids": [Command.set(answer.block_ids)],
                "choice": {
                    "chosen": choice.model_dump(mode="json"),
                    "records": {key: [record._name, record.id] for key, record in records.items()},
                },
                "obstacles": [list(pair) for pair in answer.obstacles],
                "warnings": [list(pair) for pair in self._mail_warnings()],
                "confidence": choice.confidence,
            }
        )
        if not answer.block_ids:
            return self._set_done("failed", error=self.env._("The model chose no passage that may be used."))
        return self._act(answer.subject)

    def _is_still_right(self):
        """Whether the same mail would leave again: approvals, records and everything else as they are now."""
        if not self.is_composed or not self.choice or not self.intent_id.is_automatic or not self.intent_id.is_earned:
            return False
        composer = self.env["inbox.answer.composer"]
        now = {(record._name, record.id): record for record in composer._records(self.message_id).values()}
        known = {key: now.get((model, id_)) for key, (model, id_) in self.choice["records"].items()}
        records = {key: record for key, record in known.items() if record is not None}
        answer = composer._answer(self.message_id, Choice.model_validate(self.choice["chosen"]), records)
        return not answer.obstacles and answer.text == self.text

    # === WHAT A PERSON SHOULD CHECK === #

    def _note_sensitive(self, kinds):
        """Only a person answers this: who is in charge hears of it, once for each kind."""
        new = [kind for kind in kinds if kind not in (self.sensitive or ())]
        if new:
            self.sensitive = [*(self.sensitive or ()), *new]
            self.conversation_id._alert_person_in_charge([SENSITIVE[kind] for kind in new])

    def _warnings(self, text):
        """Return (code, detail) lists about a text of a model and the mail it answers."""
        message = self.message_id
        theirs = f"{message.subject or ''}\n{message.body_text or ''}"
        own = self.env["inbox.answer.composer"]._own_text(message)
        sources = Sources("\n".join(self._our_texts()), theirs, detect_language(own))
        return [list(pair) for pair in [*draft_warnings(text, sources), *self._mail_warnings()]]

    def _mail_warnings(self):
        message = self.message_id
        head = f"{message.email_from or ''}\n{message.subject or ''}"
        yield from mail_warnings(head, message._visible_text(), message.body_text or "")
        if not message._is_authenticated():
            yield "sender", message.from_address or ""
        yield from (("sensitive", kind) for kind in self.sensitive or ())

    def _our_texts(self):
        """Where values of ours stand: settings, this customer's records, what left by the outbox; no quotation."""
        company, composer = self.company_id.sudo(), self.env["inbox.answer.composer"]
        values = composer._company_values(company, self.env.lang or "en_US").values()
        labels = map(composer._record_label, composer._records(self.message_id).values())
        settings = (company.inbox_ai_allowlist, company.inbox_ai_knowledge)
        return list(filter(None, (*settings, *values, *labels, *self.conversation_id._texts_we_sent())))

    def _recipient(self):
        """The person who wrote, and only he: taken from the mail, never from the model."""
        return self.message_id.from_address or ""

    def _act(self, subject):
        """A draft for a person, or an answer that leaves automatically under this subject."""
        mode = "approve" if self.requester_id else self.policy_id.mode
        is_ready = self.is_composed and not self.obstacles
        reason = self._reason_for_a_person() if is_ready else None
        self.would_leave = is_ready and not self.requester_id and reason in (None, "not_earned")
        if mode == "suggest":
            return self._set_done("suggested")
        leaves = mode == "auto" and is_ready and not reason
        outgoing = self.outgoing_id = self._make_draft(subject if leaves else "")
        if self.policy_id.to_drafts_folder:
            outgoing._queue_draft_copy()
        if leaves:
            return self._send_automatically(outgoing)
        return self._set_done("drafted", mode == "auto" and reason)

    def _text_as_html(self):
        return composition.as_html(self.text) if self.is_composed else plaintext2html(self.text)

    def _make_draft(self, subject):
        """subject: of an answer that leaves automatically: nothing the customer wrote goes back with it."""
        outgoing = self.env["inbox.outgoing"].sudo()
        values = self.env["inbox.composition"]._prepare_answer(self.message_id, "reply")
        return outgoing.create(
            {
                **values,
                "subject": subject or values["subject"],
                "email_to": self._recipient(),
                "email_cc": False,
                "author_id": (self.requester_id or self.conversation_id.user_id or self.integration_id.user_id).id,
                "body_html": self._text_as_html(),
                "is_automatic": True,
                "is_ai": True,
                "with_signature": not subject,
                "with_history": not subject,
            }
        )

    def _send_automatically(self, outgoing):
        """Queue the answer behind the undo window, inside the opening hours."""
        now = fields.Datetime.now()
        start = self.company_id._ai_opening().next_open(now)
        moment = max(start, now + timedelta(seconds=outgoing._undo_seconds()))
        outgoing._queue(moment)
        return self._set_done("queued")

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
        if self.requester_id:  # who asked for a draft reads it: what follows guards answers without a request
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
        own = self.env["inbox.integration"]._all_own_addresses()
        return loop_guard.refusal(message._header_pairs(), own) or (message.automatic_kind and "automatic") or None

    def _reason_for_a_person(self):
        """Why a person must check approved passages all the same."""
        if self.company_id.inbox_ai_stopped:  # while the model thought
            return "stopped"
        if limit := self._limit_reached():
            return limit
        self.intent_id.invalidate_recordset(["is_earned"])
        return None if self.intent_id.is_automatic and self.intent_id.is_earned else "not_earned"

    def _limit_reached(self):
        """Return the limit that forbids another automatic answer now, or None; what counts is what left or will."""
        company, now = self.company_id, fields.Datetime.now()
        sender = Domain("parent_id.from_address", "=", self.message_id.from_address)
        if self._left_automatically(sender, since=now - timedelta(hours=max(1, company.inbox_ai_sender_hours))):
            return "sender_limit"
        thread = Domain("conversation_id", "=", self.conversation_id.id)
        if self._left_automatically(thread) >= company.inbox_ai_thread_limit:
            return "thread_limit"
        if self._left_automatically(Domain.TRUE, since=now - timedelta(days=1)) >= company.inbox_ai_day_limit:
            return "day_limit"
        return None

    def _left_automatically(self, which, since=None):
        """Count the company's other automatic answers: on their way, or sent, since a moment."""
        sent = Domain("state", "=", "sent") & (Domain("sent_at", ">=", since) if since else Domain.TRUE)
        on_its_way = Domain("state", "in", ("scheduled", "sending", "verifying", "uncertain"))
        automatic = Domain("is_automatic", "=", True) & Domain("company_id", "=", self.company_id.id)
        others = automatic & Domain("id", "!=", self.outgoing_id.id)
        return self.env["inbox.outgoing"].sudo().search_count(others & which & (sent | on_its_way))

    def _brief(self):
        company, conversation = self.company_id, self.conversation_id
        mails = conversation._mails_for_ai()
        common = {"company": company.name, "mails": mails}
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
            **self._choices(),
            **common,
        )

    def _choices(self):
        """Return what the model may choose among: questions, passages and this customer's records."""
        composer = self.env["inbox.answer.composer"]
        records = composer._records(self.message_id)
        blocks = self.env["inbox.answer.block"]._usable(self.company_id)
        intents = self.env["inbox.answer.intent"]._for(self.company_id)
        return {
            "intents": tuple((intent.code, intent.description or intent.name) for intent in intents),
            "blocks": tuple(
                (block.id, block.kind, block._language(), ", ".join(block.intent_ids.mapped("code")), block.text)
                for block in blocks
            ),
            "records": tuple(
                (key, composer._record_kind(record), composer._record_label(record), record._name, record.id)
                for key, record in records.items()
            ),
        }

    def _folders(self):
        categories = self.env["inbox.category"].search(
            [("company_id", "=", self.company_id.id), ("is_newsletter", "=", False), ("description", "!=", False)]
        )
        return tuple((category.id, category.name, category.description) for category in categories)
