from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from odoo.addons.base.models.ir_mail_server import IrMail_Server
from odoo.addons.lokario_inbox_ai.tests.ai_common import CUSTOMER, PROVED, AiCase
from odoo.addons.lokario_inbox_ai.tests.answer_models import choice


@tagged("post_install", "-at_install")
class TestAiFacts(AiCase):
    """The model is told the customer's own open documents, and nobody else's."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.inbox_ai_facts = True
        cls.product = cls.env["product.product"].create({"name": "Plan", "list_price": 12.0, "taxes_id": False})
        cls.quotes = {name: cls._quote(email) for name, email in (("own", CUSTOMER), ("other", "eve@client.example"))}

    @classmethod
    def _quote(cls, email):
        partner = cls.env["res.partner"].create({"name": email, "email": email})
        return cls.env["sale.order"].create({"partner_id": partner.id, "company_id": cls.company.id, "state": "sent"})

    def told(self, **values):
        self.llm.requests.clear()
        message = self.receive(**values)
        message.conversation_id.partner_id = self.quotes["own"].partner_id
        self.think()
        return str(self.llm.requests)

    def test_own_documents_to_a_proved_sender_only(self):
        told = self.told(headers=PROVED)
        self.assertIn(f"Open quote {self.quotes['own'].name}", told)
        self.assertNotIn(self.quotes["other"].name, told)
        self.assertNotIn(self.quotes["own"].name, self.told(headers="", subject="Autre question"))

    def test_passages_are_filled_from_the_customers_own_quote(self):
        """The server writes number, amount, day and link; what is for others or has no day is seen by a person."""
        quote = self.quotes["own"]
        quote.write({"validity_date": "2026-12-24", "order_line": [Command.create({"product_id": self.product.id})]})
        self.env["inbox.answer.block"].with_company(self.company).action_add_usual()
        self.env["inbox.answer.block"].search([]).action_approve()
        intent = self.env["inbox.answer.intent"].search([("code", "=", "quote"), ("company_id", "=", self.company.id)])
        intent.write({"is_automatic": True, "trial_cases": 1})
        self.earn_trust(1, intent=intent)
        self.policy.mode = "auto"
        message = self.receive("Bonjour, où en est mon devis ?", headers=PROVED)
        message.conversation_id.partner_id = quote.partner_id
        decision = self.ask_here(message, lambda messages: choice(messages, "quote"))
        self.assertEqual(decision.outcome, "queued", decision.explanation)
        for value in (quote.name, "24/12/2026", f"/my/orders/{quote.id}", "12,00"):
            self.assertIn(value, decision.text)
        self.assertNotIn("access_token", decision.text)
        self.assert_approved(decision)
        quote.validity_date = False
        self.assertFalse(decision._is_still_right())

    def test_a_reminder_written_by_the_model_leaves_when_a_person_says_so(self):
        words = "Nous attendons votre plan de cuisine pour commencer."
        type(self).answer = staticmethod(lambda messages: {"reply": words})
        partner = self.quotes["own"].partner_id
        followup = self.env["lokario.followup"].create(
            {"partner_id": partner.id, "company_id": self.company.id, "name": "Plan de cuisine"}
        )
        draft = self.env["lokario.followup.draft"].browse(followup.action_write()["res_id"])
        draft.action_write_with_ai()
        self.assertEqual(draft.text, words)
        self.assertGreater(self.provider.spent_today, 0)
        self.assertFalse(followup.step_ids)
        asked = str(self.llm.requests)
        self.assertIn("Plan de cuisine", asked)
        self.assertNotIn(self.quotes["other"].name, asked)
        with patch.object(IrMail_Server, "_disable_send", classmethod(lambda cls: False)):
            draft.action_send()
        self.assertIn(words, followup.step_ids.reminder_id.mail_id.body_html)

    def test_nonsense_of_the_model_is_said_and_changes_nothing(self):
        type(self).answer = staticmethod(lambda messages: "no json")
        followup = self.env["lokario.followup"].create({"partner_id": self.quotes["own"].partner_id.id})
        draft = self.env["lokario.followup.draft"].create({"followup_id": followup.id, "text": "Mine"})
        with self.assertRaises(UserError):
            draft.action_write_with_ai()
        self.assertEqual(draft.text, "Mine")

    def test_what_the_model_cost_is_written_by_the_program_alone(self):
        followup = self.env["lokario.followup"].create({"partner_id": self.quotes["own"].partner_id.id})
        person = new_test_user(
            self.env,
            "drafter",
            "lokario_billing.group_lokario_billing_user",
            company_id=followup.company_id.id,
            company_ids=[Command.set(followup.company_id.ids)],
        )
        draft = self.env["lokario.followup.draft"].with_user(person).create({"followup_id": followup.id})
        for values in ({"cost": 5.0}, {"asked_at": "2030-01-01 10:00:00"}):
            with self.assertRaises(AccessError):
                draft.write(values)
        self.assertEqual((draft.cost, draft.asked_at), (0, False))
