from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.translate import LazyTranslate

_lt = LazyTranslate(__name__)

PURPOSES = [("reply", "Answer"), ("classify", "File"), ("summary", "Summary")]
OUTCOMES = [
    ("skipped", "Not answered"),
    ("superseded", "A newer mail came"),
    ("drafted", "Draft waits for a person"),
    ("suggested", "Suggestion"),
    ("refused", "Held back by the gate"),
    ("queued", "Will leave by itself"),
    ("sent", "Answered by itself"),
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
    ("reply_to_list", "The answer would go to somebody other than the sender."),
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
    "extra_fields": _lt("fields nobody asked for"),
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
    reason = fields.Selection(REASONS, help="Why it did not answer by itself.")
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
        """A person says that an answer that left by itself was wrong: trust is lost by it."""
        self.check_access("read")
        wrong_sudo = self.sudo().filtered(lambda item: item.outcome == "sent")
        if not wrong_sudo:
            raise UserError(self.env._("Only an answer that left by itself can be marked as wrong."))
        wrong_sudo._set_judged("rejected", minutes_saved=0)

    @api.autovacuum
    def _gc_old(self):
        old = self.sudo().search([("create_date", "<", "-365d"), ("state", "=", "done")], limit=5000)
        old.unlink()
        return len(old), 0
