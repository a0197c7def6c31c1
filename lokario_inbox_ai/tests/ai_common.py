import email
import email.policy
import itertools
import json
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.fields import Command

from lokario_testing.environments.llm import LlmServer
from odoo.addons.lokario_inbox.tests.outgoing_common import OutgoingCase
from odoo.addons.lokario_inbox.tests.stored_mail import make_pair, store_pairs
from odoo.addons.lokario_inbox.tools.authentication import KNOWN_AUTHSERV
from odoo.addons.lokario_mailbox.tests.outgoing_common import CUSTOMER, MAILBOX

from ..tools.llm_client import Completion
from .answer_models import choice

HEADERS = "Authentication-Results: mx.alpha.example; dmarc=pass header.from=client.example\n"
PROVED = "Authentication-Results: 127.0.0.1; dmarc=pass header.from=client.example\n"
REPLY = "Bonjour,\n\nNous sommes ouverts du lundi au vendredi de 9h à 18h.\n\nCordialement,\nL'équipe"
HOURS = "Lundi à vendredi : 9h-18h"


def hours(messages):
    """A model that chooses the passages about opening hours."""
    return choice(messages, "opening_hours")


class AiCase(OutgoingCase):
    """A mailbox, a model server on loopback, a customer who writes, three approved passages."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(patch.dict(KNOWN_AUTHSERV, {"127.0.0.1": ("127.0.0.1",)}))  # an address names no service
        cls.llm = cls.enterClassContext(LlmServer(lambda messages: cls.answer(messages), key="llm-key"))
        cls.answer = staticmethod(lambda messages: {"reply": REPLY})
        parameters = cls.env["ir.config_parameter"]
        allowed = parameters.get_param("lokario_mailbox.allowed_hosts")
        parameters.set_param("lokario_mailbox.allowed_hosts", f"{allowed} 127.0.0.1:{cls.llm.port}")
        for code in ("en_US", "fr_FR"):
            cls.env["res.lang"]._activate_lang(code)
        cls.company = cls.integration.company_id
        cls.provider = cls.env["inbox.ai.provider"].create(
            {
                "name": "Local",
                "base_url": cls.llm.url,
                "api_key": "llm-key",
                "model_name": "tiny",
                "timeout": 2,
                "prompt_price": 0.01,
                "completion_price": 0.03,
            }
        )
        cls.company.write(
            {
                "inbox_ai_provider_id": cls.provider.id,
                "inbox_ai_sender_hours": 24,
                "inbox_ai_knowledge": "Horaires : du lundi au vendredi de 9h à 18h. Téléphone 01 23 45 67 89.",
                "inbox_ai_hours": HOURS,
            }
        )
        cls.policy = cls.env["inbox.ai.policy"].create({"integration_id": cls.integration.id, "mode": "approve"})
        cls.intent, cls.blocks = cls.approved_hours(cls.company)
        cls.cron_think = cls.env.ref("lokario_inbox_ai.ir_cron_ai_think")

    @classmethod
    def approved_hours(cls, company):
        """The question of opening hours, and a greeting, an answer and a closing that a manager approved."""
        intent = cls.env["inbox.answer.intent"].create(
            {
                "name": "Horaires",
                "code": "opening_hours",
                "words": "horaire, ouvert, opening hours",
                "company_id": company.id,
                "is_automatic": True,
            }
        )
        common = {"lang": "fr_FR", "company_id": company.id}
        blocks = cls.env["inbox.answer.block"].create(
            [
                {**common, "kind": "greeting", "name": "Salutation", "text": "Bonjour,"},
                {
                    **common,
                    "kind": "body",
                    "name": "Nos horaires",
                    "text": "Voici nos horaires :\n{{company.hours}}",
                    "intent_ids": [Command.set(intent.ids)],
                },
                {**common, "kind": "closing", "name": "Fin", "text": "Cordialement,\n{{company.name}}"},
            ]
        )
        blocks.action_approve()
        return intent, blocks

    @classmethod
    def approve_usual(cls):
        """The usual questions, approved by a manager, and documents of a customer."""
        cls.documents = Documents(cls.env)
        composer = type(cls.env["inbox.answer.composer"])
        for name in ("_slot_kinds", "_customer_records", "_record_kind", "_record_label", "_record_values"):
            cls.startClassPatcher(patch.object(composer, name, getattr(cls.documents, name)))
        cls.company.inbox_ai_facts = True
        cls.blocks.unlink()
        cls.intent.unlink()
        cls.env["inbox.answer.block"].with_company(cls.company).action_add_usual()
        cls.env["inbox.answer.block"].search([("company_id", "=", cls.company.id)]).action_approve()
        cls.usual = cls.env["inbox.answer.intent"].search([("company_id", "=", cls.company.id)])
        cls.usual.write({"is_automatic": True, "trial_cases": 1})
        cls.intent = cls.usual[0]
        cls.company.write(
            {"phone": "04 78 12 34 56", "website": "https://www.alpha.example", "inbox_ai_day_limit": 100_000}
        )
        cls.company.partner_id.write({"street": "12 rue des Lilas", "zip": "69003", "city": "Lyon"})

    def setUp(self):
        super().setUp()
        self.llm.faults.clear()
        self.llm.requests.clear()
        type(self).answer = staticmethod(lambda messages: {"reply": REPLY})

    def receive(
        self, text="Bonjour, quels sont vos horaires ?", sender=CUSTOMER, conversation=None, seconds=0, **values
    ):
        """Store a mail as the synchronisation does, hooks included; ``values``: fields of a parsed mail."""
        folder = self._folder(values.pop("integration", self.integration), values.pop("folder", "inbox"))
        number = self.env["inbox.message"].search_count([]) + 1
        answered = conversation.email_ids[:1].message_id_header if conversation else ""
        pair = make_pair(
            number,
            **{
                "mid": f"<m{number}@client.example>",
                "subject": "Question",
                "sender": sender,
                "author": sender,
                "email_to": MAILBOX,
                "body": text,
                "date": fields.Datetime.now() + timedelta(seconds=seconds),
                "headers": HEADERS,
                "in_reply_to": answered,
                **values,
            },
        )
        return store_pairs(folder, [pair]).with_env(self.env)

    def _folder(self, integration, use):
        known = integration.folder_ids.filtered(lambda folder: folder.special_use == use)
        values = {"integration_id": integration.id, "path": use, "name": use, "special_use": use}
        return known or self.env["inbox.folder"].create(values)

    def think(self, seconds=0):
        self.run_cron(self.cron_think, seconds)

    def decision(self, message, purpose="reply"):
        return self.env["inbox.ai.decision"].search([("message_id", "=", message.id), ("purpose", "=", purpose)])

    def ask_here(self, message, model):
        """Put a question to a model in this process: no socket and no commit, otherwise as a worker does."""
        decision = self.decision(message)
        if question := decision._word_question():
            answer = model(question.chat)
            text = answer if isinstance(answer, str) else json.dumps(answer)
            decision._take(Completion(text), question.brief)
        return decision

    def earn_trust(self, accepted=10, edited=0, intent=None):
        """Judged answers as people leave them behind."""
        message = self.receive("Ancienne question", sender="old@client.example")
        self.decision(message).unlink()
        intent = intent or self.intent
        known = self.env["inbox.ai.decision"].search_count([])
        self.env["inbox.ai.decision"].create(
            [
                {
                    "company_id": intent.company_id.id,
                    "integration_id": self.integration.id,
                    "message_id": message.id,
                    "purpose": "reply",
                    "state": "done",
                    "policy_id": self.policy.id,
                    "intent_id": intent.id,
                    "is_composed": True,
                    "prompt_version": f"old{known}.{index}",
                    "outcome": "approved" if index < accepted else "edited",
                    "judged_at": fields.Datetime.now(),
                }
                for index in range(accepted + edited)
            ]
        )

    def assert_approved(self, decision):
        """Every character of the mail in the outbox is one of an approved passage or of a record's slot."""
        composer = self.env["inbox.answer.composer"]
        mail = email.message_from_bytes(decision.outgoing_id.mail_id._raw_bytes(), policy=email.policy.default)
        blocks = decision.block_ids.sorted(lambda block: ("greeting", "body", "closing").index(block.kind))
        self.assertEqual(set(blocks.mapped("state")), {"approved"})
        records = {key: self.env[model].browse(id_) for key, (model, id_) in decision.choice["records"].items()}
        chosen = decision.choice["chosen"]["slots"]
        values = {
            f"company.{name}": value
            for name, value in composer._company_values(decision.company_id, blocks[0].lang).items()
        }
        values["customer.name"] = decision.conversation_id.partner_id.name or ""
        for kind, key in chosen.items():
            found = composer._record_values(records[key], blocks[0].lang)
            values |= {f"{kind}.{name}": value for name, value in found.items()}
        expected = "".join(block.text for block in blocks)
        for name, value in values.items():
            expected = expected.replace(f"{{{{{name}}}}}", value or "")
        for kind in ("plain", "html"):
            part = mail.get_body((kind,)).get_content()
            shown = html_text(part) if kind == "html" else part
            self.assertEqual("".join(shown.split()), "".join(expected.split()), kind)
        body = blocks.filtered(lambda block: block.kind == "body")[0]
        self.assertEqual(mail["Subject"], f"Re: {body.name}")
        self.assertEqual(mail["To"], decision.message_id.from_address)
        self.assertEqual((mail["Cc"], mail["Bcc"], list(mail.iter_attachments())), (None, None, []))
        self.assertEqual(decision.outgoing_id.mail_id.recipients, decision.message_id.from_address)

    def at(self, moment):
        return freeze_time(moment)


def html_text(markup):
    """The characters of HTML between its tags; nothing but paragraphs and line breaks is expected."""
    from lxml import html

    root = html.fromstring(markup)
    tags = {element.tag for element in root.iter()}
    assert tags <= {"html", "head", "meta", "body", "div", "p", "br", "title", "style"}, tags
    return "".join(itertools.chain(root.find("body").itertext() if root.find("body") is not None else root.itertext()))


class Documents:
    """Invoices, quotes and orders of customers without the addons that have them: records with a name and values."""

    def __init__(self, env):
        self._env, self.known = env, {}
        self._slot_kinds_before = type(env["inbox.answer.composer"])._slot_kinds

    def add(self, customer, kind, number, **values):
        record = self._env["inbox.category"].create({"name": number})
        self.known[record.id] = (customer, kind, {"number": number, **values})
        return record

    def change(self, record, **values):
        self.known[record.id][2].update(values)

    @property
    def _slot_kinds(self):
        before = self._slot_kinds_before

        def _slot_kinds(composer):
            return {
                **before(composer),
                "invoice": ("number", "amount", "due_date", "link"),
                "quote": ("number", "amount", "valid_until", "link"),
                "order": ("number", "date", "link"),
            }

        return _slot_kinds

    def _customer_records(self, customer, _company):
        own = [id_ for id_, (whose, _kind, _values) in self.known.items() if whose == customer]
        return list(self._env["inbox.category"].sudo().browse(own))

    def _record_kind(self, record):
        return self.known[record.id][1]

    def _record_label(self, record):
        return f"{self.known[record.id][1]} {record.name}"

    def _record_values(self, record, _lang):
        return dict(self.known[record.id][2])
