from datetime import timedelta

from freezegun import freeze_time
from odoo import fields

from lokario_testing.environments.llm import LlmServer
from odoo.addons.lokario_inbox.tests.outgoing_common import OutgoingCase
from odoo.addons.lokario_inbox.tests.stored_mail import make_pair, store_pairs
from odoo.addons.lokario_mailbox.tests.outgoing_common import CUSTOMER, MAILBOX

HEADERS = "Authentication-Results: mx.alpha.example; dmarc=pass header.from=client.example\n"
REPLY = "Bonjour,\n\nNous sommes ouverts du lundi au vendredi de 9h à 18h.\n\nCordialement,\nL'équipe"


class AiCase(OutgoingCase):
    """A mailbox, a model server on loopback, a customer who writes."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.llm = cls.enterClassContext(LlmServer(lambda messages: cls.answer(messages), key="llm-key"))
        cls.answer = staticmethod(lambda messages: {"reply": REPLY})
        parameters = cls.env["ir.config_parameter"]
        allowed = parameters.get_param("lokario_mailbox.allowed_hosts")
        parameters.set_param("lokario_mailbox.allowed_hosts", f"{allowed} 127.0.0.1:{cls.llm.port}")
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
            }
        )
        cls.policy = cls.env["inbox.ai.policy"].create({"integration_id": cls.integration.id, "mode": "approve"})
        cls.cron_think = cls.env.ref("lokario_inbox_ai.ir_cron_ai_think")

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

    def earn_trust(self, accepted=40, edited=0):
        """Judged drafts as people leave them behind."""
        message = self.receive("Ancienne question", sender="old@client.example")
        self.decision(message).unlink()
        self.env["inbox.ai.decision"].create(
            [
                {
                    "company_id": self.company.id,
                    "integration_id": self.integration.id,
                    "message_id": message.id,
                    "purpose": "reply",
                    "state": "done",
                    "policy_id": self.policy.id,
                    "prompt_version": f"old{index}",
                    "outcome": "approved" if index < accepted else "edited",
                    "judged_at": fields.Datetime.now(),
                }
                for index in range(accepted + edited)
            ]
        )

    def at(self, moment):
        return freeze_time(moment)
