"""Approved passages: the only text, besides values of records, that leaves without a person."""

import hashlib
import json

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tools import html2plaintext

from ..tools import passage_proposals
from ..tools.composition import BODY, Passage, slot_names, stray_marks
from ..tools.folding import canonical, hidden_characters
from ..tools.language import detect_language

KIND_NAMES = [("greeting", "Greeting"), ("body", "Answer"), ("closing", "Closing")]
STATES = [("proposed", "To approve"), ("approved", "Approved"), ("expired", "Expired")]
CONTENT = ("name", "text", "kind", "lang", "approved_until", "company_id")
MAX_PASSAGE, MAX_SUBJECT = 2000, 100  # characters
MAX_SENT = 1000  # newest sent mails that proposals are mined from
CANNED_SLOTS = {"{{customer}}": "{{customer.name}}", "{{company}}": "{{company.name}}", "{{user}}": "{{company.name}}"}


class InboxAnswerBlock(models.Model):
    """A passage in one language. Its approval is for exactly this text, until a day; any change ends it."""

    _name = "inbox.answer.block"
    _inherit = ["lokario.access.mixin"]
    _description = "Answer Passage"
    _order = "kind, lang, name, id"
    _machine_writes_as_sudo = True

    name = fields.Char("Subject", required=True, help="Of the mail whose answer this is.")
    kind = fields.Selection(KIND_NAMES, required=True, default=BODY)
    lang = fields.Selection(
        lambda self: self.env["res.lang"].get_installed(),
        "Language",
        required=True,
        default=lambda self: self.env.lang or "en_US",
    )
    text = fields.Text(required=True, help="Plain text. Slots such as {{customer.name}} are filled from records.")
    intent_ids = fields.Many2many(
        "inbox.answer.intent",
        string="Answers the question",
        domain="[('company_id', '=', company_id)]",
        help="Greetings and closings without a question fit all of them.",
    )
    company_id = fields.Many2one("res.company", required=True, index=True, default=lambda self: self.env.company)
    active = fields.Boolean(default=True)
    approved_until = fields.Date(
        "Valid until",
        required=True,
        default=lambda self: fields.Date.add(fields.Date.context_today(self), years=1),
    )
    approved_by_id = fields.Many2one("res.users", readonly=True, copy=False, ondelete="set null")
    approved_at = fields.Datetime(readonly=True, copy=False)
    approved_hash = fields.Char(readonly=True, copy=False, help="SHA-256 of what was approved.")
    state = fields.Selection(STATES, compute="_compute_state", search="_search_state")
    source = fields.Char("Comes from", readonly=True, copy=False)
    slots = fields.Char(compute="_compute_slots")

    # === APPROVAL === #

    @api.depends(*CONTENT, "intent_ids", "approved_hash")
    def _compute_state(self):
        for block in self:
            is_over = not block.approved_until or block._is_over()
            is_same = bool(block.approved_hash) and block.approved_hash == block._fingerprint()
            block.state = "expired" if is_same and is_over else "approved" if is_same else "proposed"

    def _is_over(self):
        """Whether its last day has passed where its company is."""
        return self.approved_until < (self.company_id or self.env.company).sudo()._lokario_today()

    def _search_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        blocks = self.search([])  # pylint: disable=no-search-all  # some dozens a company
        return [("id", "in", blocks.filtered(lambda block: block.state in value).ids)]

    def _fingerprint(self):
        """Return what an approval is given to: text, language, use and last day."""
        self.ensure_one()
        intents_sudo = self.sudo().with_context(active_test=False).intent_ids  # the same whoever looks
        until = fields.Date.to_string(self.approved_until)
        values = [self._origin.id, self.name, self.text, self.kind, self.lang, until, self.company_id.id]
        values.append(sorted(intents_sudo._origin.ids))
        return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).hexdigest()

    def action_approve(self):
        """A manager has read these passages: they may leave without a person."""
        self._check_manager()
        for block in self:
            if block._is_over():
                raise UserError(self.env._("“%s” is valid until a day that is over: choose a later one.", block.name))
            if block.kind == BODY and not block.intent_ids:
                raise UserError(self.env._("Choose the question that “%s” answers.", block.name))
            given = {"approved_by_id": self.env.uid, "approved_at": fields.Datetime.now()}
            block.sudo().write({**given, "approved_hash": block._fingerprint()})

    def action_withdraw(self):
        """Nothing with these passages leaves any more, what waits included."""
        self._check_manager()
        self._end_approval()

    def _check_manager(self):
        self.check_access("write")
        if not self.env.user.has_group("lokario_inbox.group_lokario_inbox_manager"):
            raise AccessError(self.env._("Only a manager of the inbox approves passages."))

    def _end_approval(self):
        blocks_sudo = self.sudo().with_context(active_test=False)
        super(InboxAnswerBlock, blocks_sudo).write(
            {"approved_by_id": False, "approved_at": False, "approved_hash": False}
        )
        domain = [("block_ids", "in", self.ids), ("outcome", "=", "queued")]
        self.env["inbox.ai.decision"].sudo().search(domain).outgoing_id._cancel("not_allowed")

    def write(self, vals):
        result = super().write(vals)
        changed = self.filtered(lambda block: block.approved_hash and block.approved_hash != block._fingerprint())
        if changed or vals.get("active") is False:
            (changed if "active" not in vals else self)._end_approval()
        return result

    # === WHAT A PASSAGE MAY BE === #

    @api.constrains("text", "kind", "name")
    def _check_text(self):
        known = self._known_slots()
        for block in self:
            names = slot_names(block.text)
            allowed = [name for name in known if block.kind == BODY or name.startswith(("customer.", "company."))]
            if stray_marks(block.text) or set(names) - set(allowed):
                raise ValidationError(self.env._("A slot is one of: %s", ", ".join(f"{{{{{it}}}}}" for it in allowed)))
            is_long = len(block.text) > MAX_PASSAGE or len(block.name) > MAX_SUBJECT
            if is_long or hidden_characters(block.text + block.name):
                raise ValidationError(
                    self.env._("A passage is plain text of at most 2,000 characters, its subject of 100.")
                )

    @api.depends("kind")
    def _compute_slots(self):
        for block in self:
            block.slots = ", ".join(f"{{{{{name}}}}}" for name in self._known_slots())

    def _known_slots(self):
        kinds = self.env["inbox.answer.composer"]._slot_kinds()
        return [f"{kind}.{name}" for kind, names in kinds.items() for name in names]

    @api.model
    def _usable(self, company):
        """Return the passages that may leave today."""
        blocks = self.sudo().search([("company_id", "=", company.id), ("approved_hash", "!=", False)])
        return blocks.filtered(lambda block: block.state == "approved")

    def _language(self):
        return (self.lang or "").split("_")[0]

    def _passage(self):
        return Passage(self.id, self.kind, self.name, self.text)

    # === WHERE PASSAGES COME FROM: nothing of it is approved === #

    @api.model
    def _check_may_import(self):
        if not self.env.user.has_group("lokario_inbox.group_lokario_inbox_manager"):
            raise AccessError(self.env._("Only a manager of the inbox approves passages."))

    def action_add_usual(self):
        """Propose questions and passages that most companies need, in the languages installed."""
        self._check_may_import()
        company, languages = self.env.company, dict(self.env["res.lang"].get_installed())
        made = self.browse()
        for item in passage_proposals.usual_questions():
            intent = self._usual_intent(company, item)
            for lang in languages:
                texts = item["texts"].get(lang.split("_")[0])
                made |= self._propose(texts, lang, self.env._("Usual questions"), intent) if texts else self.browse()
        return self._show(made)

    def _usual_intent(self, company, item):
        intents = self.env["inbox.answer.intent"]
        if not item["code"]:
            return intents
        known = intents.with_context(active_test=False).search(
            [("company_id", "=", company.id), ("code", "=", item["code"])]
        )
        if known:
            return known
        values = {"code": item["code"], "company_id": company.id, "words": item["words"], "sequence": item["sequence"]}
        intent = intents.create({**values, **item["names"]["en"]})
        for lang, _name in self.env["res.lang"].get_installed():
            intent.with_context(lang=lang).write(item["names"].get(lang.split("_")[0], item["names"]["en"]))
        return intent

    def _propose(self, texts, lang, source, intents):
        """Make passages that are not there yet; texts: [{kind, name, text}]."""
        company = self.env.company
        there = self.with_context(active_test=False).search([("company_id", "=", company.id), ("lang", "=", lang)])
        known, slots = {canonical(block.text) for block in there}, set(self._known_slots())
        common = {"lang": lang, "source": source, "company_id": company.id, "intent_ids": [Command.set(intents.ids)]}
        fit = [
            item
            for item in texts
            if canonical(item["text"]) not in known and slots.issuperset(slot_names(item["text"]))
        ]
        return self.sudo().create([{**common, **item} for item in fit]).sudo(False)  # `source` is the program's

    def action_import_canned(self):
        """Propose the company's canned answers."""
        self._check_may_import()
        made = self.browse()
        answers = self.env["inbox.canned.answer"].search([("company_id", "in", [False, self.env.company.id])])
        for answer in answers:
            for lang, _name in self.env["res.lang"].get_installed():
                translated = answer.with_context(lang=lang)
                text = html2plaintext(translated.body_html or "", include_references=False)
                for canned, slot in CANNED_SLOTS.items():
                    text = text.replace(canned, slot)
                made |= self._propose_text(text, translated.name, self.env._("Canned answer"), lang)
        return self._show(made)

    def action_propose_from_sent(self):
        """Propose what people wrote again and again to different customers; what is private stays private."""
        self._check_may_import()
        domain = [("company_id", "=", self.env.company.id), ("state", "=", "sent"), ("is_automatic", "=", False)]
        sent = self.env["inbox.outgoing"].search([*domain, ("owner_id", "=", False)], limit=MAX_SENT)
        mails = [(mail.email_to or "", html2plaintext(mail.body_html or "", include_references=False)) for mail in sent]
        made = self.browse()
        for text in passage_proposals.recurring(mails):
            made |= self._propose_text(text, text.split("\n")[0][:60], self.env._("Sent mails"))
        return self._show(made)

    def _propose_text(self, text, name, source, lang=None):
        """Propose a text, with the kind, language and question that it seems to have."""
        text = text.strip()
        kind, language = passage_proposals.kind_of(text), detect_language(text)
        installed = [code for code, _name in self.env["res.lang"].get_installed()]
        fitting = [code for code in installed if code.split("_")[0] == language]
        if not text or stray_marks(text) or len(text) > MAX_PASSAGE or hidden_characters(text):
            return self.browse()
        if lang and language and lang not in fitting:
            return self.browse()  # a canned answer that is not translated
        intents = self.env["inbox.answer.intent"]._for(self.env.company)
        about = intents._spoken_of(f"{name} {text}") if kind == BODY else intents.browse()
        item = {"kind": kind, "name": name[:MAX_SUBJECT], "text": text}
        return self._propose([item], lang or (fitting or [self.env.lang or installed[0]])[0], source, about)

    def _show(self, made):
        action = self.env["ir.actions.act_window"]._for_xml_id("lokario_inbox_ai.inbox_answer_block_action")
        message = self.env._("%s passages were added: read and approve them.", len(made))
        if not made:
            message = self.env._("Nothing new was found.")
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"type": "success" if made else "info", "message": message, "next": action},
        }
