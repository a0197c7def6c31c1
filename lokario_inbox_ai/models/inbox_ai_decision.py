"""A question to a model about a mail: why it is asked or not, what it may know, and what becomes of its answer."""

import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import plaintext2html
from odoo.tools.translate import LazyTranslate

from odoo.addons.lokario_inbox.tools import loop_guard

from ..tools import ai_prompt, gate_language, llm_client, reply_gate
from ..tools.ai_run import AiRun

_lt = LazyTranslate(__name__)

PURPOSES = [("reply", "Answer"), ("classify", "File"), ("summary", "Summary")]

OUTCOMES = [
    ("skipped", "Not answered"),
    ("superseded", "A newer mail came"),
    ("drafted", "Draft waits for a person"),
    ("suggested", "Suggestion"),
    ("refused", "Held back by the gate"),
    ("queued", "Will leave automatically"),
    ("sent", "Answered automatically"),
    ("approved", "Sent unchanged"),
    ("edited", "Sent after changes"),
    ("rejected", "Thrown away"),
    ("taken_back", "Taken back"),
    ("elsewhere", "Answered elsewhere"),
    ("filed", "Filed"),
    ("unsure", "Not filed: unsure"),
    ("summarised", "Summarised"),
    ("failed", "AI failed"),
]

REASONS = [
    ("auto_submitted", "The mail was sent by a machine (Auto-Submitted)."),
    ("null_return_path", "The mail has no return path: it is a bounce or a notice."),
    ("mailing_list", "The mail came by a mailing list."),
    ("bulk", "The mail is a bulk mailing."),
    ("suppressed", "The sender asks for no automatic answers."),
    ("report", "The mail is a delivery or reading report."),
    ("robot_address", "The sender's address is a robot's."),
    ("robot_header", "The mail carries the marks of a robot."),
    ("own_address", "The mail comes from one of our own addresses."),
    ("not_addressed_to_us", "The mail was not addressed to this mailbox."),
    ("no_sender", "The mail has no single sender."),
    ("automatic_subject", "The subject is that of an automatic mail."),
    ("spam", "The mail is marked as spam."),
    ("many_recipients", "The mail went to many people."),
    ("reply_to_list", "The answer would go to a person other than the sender."),
    ("newsletter", "The mail is a newsletter."),
    ("policy_off", "AI is off for this mailbox and folder."),
    ("stopped", "AI answers are stopped (kill switch)."),
    ("no_provider", "No AI provider is chosen."),
    ("no_text", "The mail has no text to answer."),
    ("old", "The mail is older than a day."),
    ("closed", "The conversation is spam or archived."),
    ("budget", "The day's budget is used up."),
    ("sender_limit", "This sender already had an automatic answer in the period."),
    ("thread_limit", "This conversation already had its automatic answers."),
    ("day_limit", "The day's number of automatic answers is reached."),
    ("not_earned", "“Auto” is not earned yet, or lost: drafts were changed too often."),
    ("sample", "One draft in ten goes to a person, to measure trust."),
    ("person_answering", "A person is already answering."),
    ("asked", "The same question was already asked about this mail."),
    ("forged", "The sender could not be authenticated."),
]

GATE_REASONS = {
    "recipient": _lt("another recipient"),
    "attachment": _lt("an attachment"),
    "extra_fields": _lt("fields that were not asked for"),
    "too_long": _lt("too long"),
    "too_short": _lt("too short"),
    "markup": _lt("markup"),
    "header_lines": _lt("header lines"),
    "model_talk": _lt("talk of a model"),
    "repetition": _lt("repetition"),
    "hidden_characters": _lt("hidden characters"),
    "mixed_scripts": _lt("letters of mixed scripts"),
    "canary": _lt("the secret mark"),
    "prompt_leak": _lt("internal instructions"),
    "opaque_token": _lt("an opaque token"),
    "link": _lt("unknown link"),
    "email": _lt("unknown e-mail address"),
    "iban": _lt("unknown bank account"),
    "phone": _lt("unknown phone number"),
    "amount": _lt("unknown amount"),
    "number": _lt("unknown number"),
    "promise": _lt("promise or sensitive word"),
    "channel": _lt("unknown channel"),
    "language": _lt("language"),
}

_logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 6
GC_LIMIT = 5000  # rows erased in one go of the nightly cleaning

RETRY = (30, 120, 600, 1800, 3600)  # seconds

FRESH = timedelta(days=1)  # older mail is not answered by a machine


class InboxAiDecision(models.Model):
    """What AI was asked about a mail, what it said, what the gate said, what became of it. Never changed afterwards."""

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
    text = fields.Text("Draft", help="What the model wrote.")
    gate_reasons = fields.Json(help="(code, detail) pairs; empty when the gate let it pass.")
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
            drafted = judged or decision.outcome in ("drafted", "suggested", "refused", "queued", "sent", "elsewhere")
            decision.is_draft = decision.purpose == "reply" and drafted
            decision.is_accepted = float(decision.outcome in ("approved", "sent"))

    @api.depends("outcome", "reason", "gate_reasons", "error", "text", "mode", "confidence")
    def _compute_explanation(self):
        names = dict(self._fields["outcome"]._description_selection(self.env))
        reasons = dict(self._fields["reason"]._description_selection(self.env))
        for decision in self:
            lines = [names.get(decision.outcome) or self.env._("Still waiting.")]
            if decision.reason:
                lines.append(reasons[decision.reason])
            lines += decision._gate_lines()
            if decision.error:
                lines.append(decision.error)
            decision.explanation = "\n".join(lines)

    def _gate_lines(self):
        return [
            self.env._(
                "The gate found: %(what)s %(detail)s", what=self.env._(GATE_REASONS.get(code, code)), detail=detail
            )
            for code, detail in self.gate_reasons or ()
        ]

    def _set_done(self, outcome, reason=False, **values):
        """Close the question; the draft that it may have is judged later."""
        self.write({"state": "done", "outcome": outcome, "reason": reason, **values})
        self.conversation_id._announce_change()

    def _set_judged(self, outcome, **values):
        """A person's verdict on a draft; only the first one counts."""
        open_ones = self.filtered(lambda item: item.outcome in ("drafted", "suggested", "refused", "queued", "sent"))
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
        theirs = [f"{mail.subject or ''}\n{mail._visible_text()}" for mail in mails if not mail.is_own]
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
        """A draft for a person, or an answer that leaves automatically."""
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
        return self._send_automatically(outgoing)

    def _text_as_html(self):
        return plaintext2html(self.text)

    def _make_draft(self):
        outgoing = self.env["inbox.outgoing"].sudo()
        values = self.env["inbox.composition"]._prepare_answer(self.message_id, "reply")
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
        return loop_guard.refusal(message._header_pairs(), self.env["inbox.integration"]._all_own_addresses())

    def _reason_for_a_person(self):
        """In mode auto: why a person must check this one all the same."""
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
        """What the model is given about the customer: of a verified sender only, and if the manager allows it."""
        partner = self.conversation_id.partner_id
        if not self.company_id.inbox_ai_facts or not partner or not self.message_id._is_authenticated():
            return ""
        people = self.env["res.partner"].search([("id", "child_of", partner.commercial_partner_id.id)])
        return self._partner_facts() if self.message_id.from_address in people.mapped("email_normalized") else ""

    def _partner_facts(self):
        """Hook: return what this customer may be given about his own open documents (quotes, invoices), as text of a
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
