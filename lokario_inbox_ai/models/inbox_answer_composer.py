"""Rendering a model's choice: passages that are approved, filled by the server from records of this customer."""

import re
from dataclasses import dataclass

from odoo import api, models
from odoo.tools.misc import format_amount, format_date

from ..tools import composition
from ..tools.draft_warnings import is_plain_name
from ..tools.folding import canonical
from ..tools.language import detect_language
from ..tools.sensitive_mail import KINDS as SENSITIVE
from ..tools.sensitive_mail import MAX_READ, own_words, sensitive_kinds

_NUMBER, _DIGITS = re.compile(r"(?<!\d)(?!20[0-4]\d(?!\d))\d{4,}"), re.compile(r"\d+")
MAX_MAILS = 5  # that one answer may answer
MIN_CONFIDENCE = 0.7  # of the model in its choice
GENERIC = ("company",)  # kinds of slots that name no customer: also for senders who are not verified


@dataclass(frozen=True)
class Answer:
    """subject and text as they would leave; obstacles: (code, detail) pairs, empty when no person is needed."""

    subject: str = ""
    text: str = ""
    block_ids: tuple[int, ...] = ()
    obstacles: tuple[tuple[str, str], ...] = ()


class InboxAnswerComposer(models.AbstractModel):
    """Makes the mail of a Choice and says why a person must check it; nothing of a model is in it.

    Addons with documents of customers extend `_slot_kinds`, `_customer_records`, `_record_kind`, `_record_label` and
    `_record_values`.
    """

    _name = "inbox.answer.composer"
    _description = "Composer of Automatic Answers"

    # === HOOKS === #

    @api.model
    def _slot_kinds(self):
        """Hook: return {kind: names of its slots}."""
        return {
            "customer": ("name",),
            "company": ("name", "phone", "email", "website", "address", "hours", "portal"),
        }

    @api.model
    def _customer_records(self, customer, company):
        """Hook: return a list of records whose documents are those of this commercial partner in this company.

        Called only when the manager allows it and the sender is verified to be this customer. Sudoed, read only.
        """
        return []

    @api.model
    def _record_kind(self, record):
        """Hook: return the kind of slots that a record of the list fills."""
        return ""

    @api.model
    def _record_label(self, record):
        """Hook: return what the model reads of a record, one line."""
        return record.display_name

    @api.model
    def _record_values(self, record, lang):
        """Hook: return {name of a slot: value} of a record; a value that is missing or unsafe is ""."""
        return {}

    # === WHAT A MAIL IS ABOUT === #

    @api.model
    def _unanswered(self, message):
        """Return the mails since our last one, this one the newest: what one answer answers."""
        mails = message.sudo().conversation_id._live_messages()
        own = mails.filtered("is_own")[-1:]
        newer = mails.filtered(lambda mail: not mail.is_own and (not own or (mail.date, mail.id) > (own.date, own.id)))
        return newer | message

    @api.model
    def _own_text(self, message):
        """Return what the customer wrote in these mails, without what they quote."""
        return "\n".join(own_words(mail.body_text or "") for mail in self._unanswered(message)[-MAX_MAILS:])[
            : 2 * MAX_READ
        ]

    @api.model
    def _whole_text(self, message):
        return "\n".join(f"{mail.subject or ''}\n{mail.body_text or ''}" for mail in self._unanswered(message))

    @api.model
    def _sensitive_kinds(self, message, text):
        """Return what only a person answers, by the rules alone, of a text of these mails and their attachments."""
        mails = self._unanswered(message)
        files = mails.sudo().attachment_ids.filtered(lambda file: not file.is_inline)
        has_files = bool(files) or any(mail.has_attachments and not mail.attachment_ids for mail in mails)
        return sensitive_kinds(message.subject or "", text, has_attachments=has_files)

    @api.model
    def _contact(self, message):
        """Return the contact who wrote, verified; none for anybody else."""
        partner = message.sudo().conversation_id.partner_id
        if not partner or not message._is_authenticated():
            return partner.browse()
        people = partner.search([("id", "child_of", partner.commercial_partner_id.id)])
        return people.filtered(lambda person: person.email_normalized == message.from_address)[:1]

    @api.model
    def _records(self, message):
        """Return {key: record} of the customer's own documents: what a model may choose among."""
        contact, company = self._contact(message), message.company_id.sudo()
        if not contact or not company.inbox_ai_facts:
            return {}
        records = self.sudo()._customer_records(contact.commercial_partner_id, company)
        return {f"R{number}": record for number, record in enumerate(records, 1)}

    # === THE ANSWER === #

    @api.model
    def _answer(self, message, choice, records):
        """Return the Answer of a Choice; records: {key: record}, those the model was given.

        Right before it leaves it is made again: what changed meanwhile is an obstacle or another text.
        """
        blocks = self.env["inbox.answer.block"]._usable(message.company_id)
        chosen = blocks.filtered(lambda block: block.id in choice.blocks)
        obstacles = [
            *self._mail_obstacles(message, choice),
            *self._intent_obstacles(message, choice),
            *self._block_obstacles(choice, chosen),
            *self._record_obstacles(message, choice, chosen, records),
        ]
        values = self._values(message, choice, chosen, records)
        composed = composition.compose([block._passage() for block in chosen], values)
        obstacles += [("slot", name) for name in composed.missing]
        return Answer(composed.subject, composed.text, tuple(chosen.ids), tuple(dict.fromkeys(obstacles)))

    def _mail_obstacles(self, message, choice):
        """What only a person answers: either vote suffices, the rules' or the model's."""
        votes = {choice.intent, *choice.sensitive}
        whole = self._whole_text(message)
        found = dict.fromkeys([*self._sensitive_kinds(message, whole), *(kind for kind in SENSITIVE if kind in votes)])
        yield from (("sensitive", kind) for kind in found)
        if set(choice.sensitive) - set(SENSITIVE):
            yield "sensitive", "?"
        if len(whole) > MAX_READ or len(self._unanswered(message)) > MAX_MAILS:
            yield "long_mail", ""
        if message._authentication() == "fail":
            yield "forged", ""

    def _intent_obstacles(self, message, choice):
        """Rules and model must agree on the one question of the mail."""
        intents = self.env["inbox.answer.intent"]._for(message.company_id)
        own = self._own_text(message)
        spoken_of = intents._spoken_of(own)
        if choice.intent not in intents.mapped("code"):
            yield "intent", choice.intent if choice.intent in SENSITIVE else "?"
        elif choice.intent not in spoken_of.mapped("code"):
            yield "intent_words", choice.intent
        elif len(spoken_of) > 1:
            yield "several_intents", ", ".join(spoken_of.mapped("code"))
        if choice.confidence < MIN_CONFIDENCE:
            yield "confidence", f"{choice.confidence:.0%}"
        language = detect_language(own)
        if not language or language != choice.language:
            yield "language", language or "?"

    def _block_obstacles(self, choice, chosen):
        if len(chosen) < len(set(choice.blocks)):
            yield "block", ""
        if shape := composition.wrong_shape([block._passage() for block in chosen]):
            yield "shape", shape
        if len(set(choice.blocks)) < len(choice.blocks):
            yield "shape", "twice"
        for block in chosen:
            if block._language() != choice.language:
                yield "block_language", block.name
            if block.intent_ids and choice.intent not in block.intent_ids.mapped("code"):
                yield "block_intent", block.name

    def _record_obstacles(self, message, choice, chosen, records):
        """A document is the one that the mail names, else the only one of its kind."""
        kinds = self._kinds_used(chosen)
        if set(kinds) - set(GENERIC) and not self._contact(message):
            yield "sender", ""
        said = f"{message.subject or ''} {self._own_text(message)}"
        for kind in kinds - {*GENERIC, "customer"}:
            same = {key: record for key, record in records.items() if self._record_kind(record) == kind}
            if choice.slots.get(kind) not in same:
                yield "record", kind
            elif not self._is_meant(same, choice.slots[kind], said):
                yield "which_record", kind

    def _is_meant(self, same, key, said):
        """Whether a text can only mean this one of several documents: named, or alone and no other number is named."""
        words = f" {canonical(said)} "
        named = {key for key, record in same.items() if f" {canonical(record.name or '?')} " in words}
        numbers = set(_NUMBER.findall(words)) - set(_DIGITS.findall(same[key].name or ""))
        return (named or set(same)) == {key} and not numbers

    def _kinds_used(self, chosen):
        return {name.split(".")[0] for block in chosen for name in composition.slot_names(block.text)}

    # === VALUES === #

    def _values(self, message, choice, chosen, records):
        """Return {slot: value} for the slots of the passages; what cannot be trusted is left out."""
        lang = chosen[:1].lang
        used = self._kinds_used(chosen)
        values = {f"company.{name}": value for name, value in self._company_values(message.company_id, lang).items()}
        if contact := self._contact(message):
            name = contact.name or ""
            values["customer.name"] = composition.safe_name(name) if is_plain_name(name) else ""
            for kind in used & set(choice.slots):
                record = records.get(choice.slots[kind])
                if record is not None and self._record_kind(record) == kind:
                    found = self._record_values(record, lang)
                    values |= {f"{kind}.{name}": value for name, value in found.items()}
        return {name: value for name, value in values.items() if value}

    def _company_values(self, company, lang):
        company = company.sudo().with_context(lang=lang)
        partner = company.partner_id
        city = " ".join(filter(None, [partner.zip, partner.city]))
        address = ", ".join(filter(None, [partner.street, partner.street2, city]))
        values = {
            "name": company.name,
            "phone": company.phone,
            "email": company.email,
            "website": company.website,
            "address": address,
            "hours": company.inbox_ai_hours,
            "portal": f"{company.get_base_url()}/my",
        }
        return {name: composition.safe_text(value or "") for name, value in values.items()}

    # For the addons that extend it.

    def _safe_amount(self, amount, currency, lang):
        return composition.safe_formatted(format_amount(self.env, amount, currency, lang_code=lang))

    def _safe_date(self, date, lang):
        return composition.safe_formatted(format_date(self.env, date, lang_code=lang)) if date else ""

    def _safe_number(self, number):
        return composition.safe_number(number or "")

    def _portal_link(self, record):
        """Return where the customer sees his document once he is logged in: a link that is worth nothing to others."""
        path = record.access_url or ""
        return f"{record.get_base_url()}{path}" if path.startswith("/my/") else ""
