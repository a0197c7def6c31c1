from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError, ValidationError
from odoo.tests import new_test_user, tagged

from odoo.addons.lokario_mailbox.tests.outgoing_common import CUSTOMER

from .ai_common import PROVED, REPLY, AiCase, hours


@tagged("post_install", "-at_install")
class TestAiReply(AiCase):
    def test_a_draft_waits_for_a_person_who_sends_it(self):
        message = self.receive()
        self.think()
        decision = self.decision(message)
        self.assertEqual((decision.outcome, decision.is_composed, decision.would_leave), ("drafted", False, False))
        self.assertEqual(decision.warnings, [["sender", CUSTOMER]], "all its values are ours")
        self.assertEqual(len(decision.input_hash), 64)
        self.assertGreater(decision.cost, 0)
        draft = decision.outgoing_id
        self.assertEqual((draft.state, draft.email_to, draft.email_cc), ("draft", CUSTOMER, False))
        draft.action_send()
        self.run_cron(self.cron_send, seconds=11)
        self.assertEqual((decision.outcome, decision.similarity), ("approved", 1.0))
        raw = self.sink.deliveries()[0].raw
        self.assertIn(f"In-Reply-To: {message.message_id_header}", raw)
        self.assertNotIn("Auto-Submitted", raw, "a person sent it")

    def test_changed_and_thrown_away_drafts_are_judged(self):
        first, second = self.receive(), self.receive(sender="bob@client.example")
        self.think()
        changed, thrown = self.decision(first).outgoing_id, self.decision(second).outgoing_id
        changed.body_html = "<p>Tout autre chose, écrit par une personne.</p>"
        changed.action_send()
        thrown.action_cancel()
        self.assertEqual([self.decision(first).outcome, self.decision(second).outcome], ["edited", "rejected"])
        self.assertLess(self.decision(first).similarity, 0.8)
        self.assertEqual(self.intent.judged_count, 0, "free texts earn nothing")

    def test_what_is_shown_for_approval_is_what_is_sent(self):
        message = self.receive()
        self.think()
        conversation = message.conversation_id
        self.assertIn("9h à 18h", conversation.get_ai_state()["text"])
        self.decision(message).outgoing_id.body_html = "<p>Nous ouvrons à 10h.</p>"
        self.assertEqual(conversation.get_ai_state()["text"], "Nous ouvrons à 10h.")

    def test_a_suggestion_that_somebody_made_his_own_is_his(self):
        message = self.receive()
        self.think()
        ann, bob = (new_test_user(self.env, name, "lokario_inbox.group_lokario_inbox_user") for name in ("ann", "bob"))
        own = {"is_automatic": False, "author_id": ann.id, "body_html": "<p>Entre nous.</p>"}
        self.decision(message).outgoing_id.write(own)
        conversation = message.conversation_id
        self.assertEqual(conversation.with_user(ann).get_ai_state()["text"], "Entre nous.")
        seen = conversation.with_user(bob).get_ai_state()
        self.assertIn("9h à 18h", seen["text"])
        self.assertFalse(seen["outgoing_id"])

    def test_the_model_is_asked_once_a_mail_and_prompt(self):
        message = self.receive()
        self.think()
        message._ask_ai("reply")
        self.think()
        self.assertEqual(len(self.llm.requests), 1)
        self.assertEqual(self.env["inbox.outgoing"].search_count([("parent_id", "=", message.id)]), 1)

    def test_a_person_asks_for_a_draft_where_nothing_is_answered_automatically(self):
        """Button “Draft an answer”: no policy, an old mail, a robot's; asked again after it was thrown away."""
        self.policy.mode = "off"
        clerk = new_test_user(self.env, "clerk", groups="lokario_inbox.group_lokario_inbox_user")
        message = self.receive(
            sender="no-reply@client.example", date=fields.Datetime.subtract(fields.Datetime.now(), days=3)
        )
        message._ask_ai("reply")
        self.think()
        self.assertEqual((self.decision(message).outcome, self.decision(message).reason), ("skipped", "policy_off"))
        conversation = message.conversation_id.with_user(clerk)
        for wanted in (1, 2):
            conversation.action_ai_draft()
            self.think()
            decision = self.decision(message)[0]
            self.assertEqual((decision.outcome, decision.outgoing_id.author_id), ("drafted", clerk))
            self.assertEqual(len(self.llm.requests), wanted)
            with self.assertRaises(UserError):
                conversation.action_ai_draft()
            decision.outgoing_id.with_user(clerk).action_cancel()
        self.run_cron(self.cron_send, seconds=60)
        self.assertEqual(self.sink.deliveries(), [])

    def test_a_draft_that_was_asked_for_never_leaves_automatically(self):
        self.earn_trust()
        self.policy.mode = "auto"
        type(self).answer = staticmethod(hours)
        message = self.receive()
        self.decision(message).unlink()
        message.conversation_id.action_ai_draft()
        self.think()
        self.run_cron(self.cron_send, seconds=60)
        self.assertEqual((self.decision(message).outcome, self.sink.deliveries()), ("drafted", []))

    def test_faults_of_the_model_are_retried_and_end(self):
        message = self.receive()
        self.llm.faults.extend([429, "garbage", 503])
        for seconds in (0, 200, 400, 800, 2000):
            self.think(seconds)
        self.assertEqual(self.decision(message).outcome, "drafted")
        self.assertEqual(self.decision(message).attempts, 4)
        other = self.receive(sender="carl@client.example")
        self.llm.faults.extend(["empty"] * 10)
        for seconds in range(0, 40000, 4000):
            self.think(seconds)
        self.assertEqual((self.decision(other).outcome, self.decision(other).attempts), ("failed", 6))

    def test_a_burst_is_answered_once(self):
        first = self.receive()
        second = self.receive("Encore une question", conversation=first.conversation_id, seconds=5)
        self.think()
        self.assertEqual([self.decision(first).outcome, self.decision(second).outcome], ["superseded", "drafted"])
        self.assertEqual(len(self.llm.requests), 1)

    def test_robots_lists_and_bounces_are_never_asked_about(self):
        for name, values in {
            "auto_submitted": {"auto_submitted": "auto-replied"},
            "null_return_path": {"return_path": "<>"},
            "robot_address": {"sender": "no-reply@client.example"},
            "suppressed": {"headers": "X-Auto-Response-Suppress: All\n"},
            "not_addressed_to_us": {"email_to": "somebody@else.example"},
        }.items():
            message = self.receive(**values)
            self.think()
            self.assertEqual((self.decision(message).outcome, self.decision(message).reason), ("skipped", name))
        self.assertEqual(self.llm.requests, [])

    def test_the_budget_of_the_day(self):
        self.provider.budget_per_day = 0.0001
        first, second = self.receive(), self.receive(sender="dora@client.example")
        self.think()
        outcomes = {self.decision(first).outcome, self.decision(second).outcome}
        self.assertEqual(outcomes, {"drafted", "skipped"})
        self.assertEqual((self.decision(first) + self.decision(second)).filtered("reason").reason, "budget")

    def test_the_prompt_holds_nothing_of_other_customers(self):
        self.receive("Mon code secret est AZERTY-42", sender="eve@client.example")
        self.receive("Bonjour, quels sont vos horaires ?")
        self.think()
        self.assertEqual(sum("AZERTY-42" in str(request) for request in self.llm.requests), 1)
        self.assertEqual(len(self.llm.requests), 2)

    def test_documents_are_told_where_allowed_and_to_a_proved_customer_only(self):
        """What an addon knows of a customer never reaches a prompt about somebody else."""
        anne = self.env["res.partner"].create({"name": "Anne", "email": CUSTOMER})
        secret = "Devis S0042 : en attente"
        document = self.env["inbox.category"].create({"name": "S0042"})
        composer = type(self.env["inbox.answer.composer"])

        def documents(_composer, customer, _company):
            return [document] if customer == anne else []

        self.startPatcher(patch.object(composer, "_customer_records", documents))
        self.startPatcher(patch.object(composer, "_record_label", lambda _composer, _record: secret))
        told = {}
        for name, allowed, values in (
            ("not allowed", False, {}),
            ("forged", True, {"headers": PROVED.replace("pass", "fail")}),
            ("not proved", True, {"headers": ""}),
            ("somebody else in her conversation", True, {"sender": "eve@client.example"}),
            ("proved", True, {}),
        ):
            self.company.inbox_ai_facts = allowed
            self.llm.requests.clear()
            message = self.receive(**{"subject": name, "headers": PROVED, **values})
            message.conversation_id.partner_id = anne
            self.think()
            told[name] = secret in str(self.llm.requests)
        self.assertEqual(told, {**dict.fromkeys(told, False), "proved": True})

    def test_a_slow_model_delays_its_own_company_only(self):
        """The slow one's questions come first; it is asked once a run, not once a question."""
        beta = self.env["res.company"].create({"name": "Beta"})
        slow = self.provider.copy({"name": "Slow", "company_id": beta.id, "api_key": "llm-key", "model_name": "slow"})
        beta.inbox_ai_provider_id = slow
        mailbox = self.env["inbox.integration"].create(
            {**self._integration_values(), "name": "Beta", "email_address": "hello@beta.example", "company_id": beta.id}
        )
        self.env["inbox.ai.policy"].create({"integration_id": mailbox.id, "mode": "approve"})
        self.llm.slow_model = "slow"
        self.addCleanup(setattr, self.llm, "slow_model", None)
        late = [
            self.receive(sender=f"b{number}@client.example", integration=mailbox, email_to="hello@beta.example")
            for number in range(3)
        ]
        quick = [self.receive(sender=f"a{number}@client.example") for number in range(3)]
        self.think()
        self.assertEqual({self.decision(message).outcome for message in quick}, {"drafted"})
        self.assertEqual([self.decision(message).state for message in late], ["asking", "pending", "pending"])
        self.assertEqual(sum(request["model"] == "slow" for request in self.llm.requests), 1)

    def test_why_in_one_click(self):
        message = self.receive(auto_submitted="auto-generated")
        self.think()
        action = message.conversation_id.action_why()
        found = self.env[action["res_model"]].search(action["domain"])
        self.assertIn("Auto-Submitted", found.explanation)

    def test_the_key_is_never_shown(self):
        manager = new_test_user(self.env, "ai_manager", groups="lokario_inbox.group_lokario_inbox_manager")
        self.assertEqual(self.provider.with_user(manager).read(["api_key"])[0]["api_key"], "set")
        self.provider.api_key = "wrong"
        message = self.receive()
        self.think()
        self.assertEqual(self.decision(message).outcome, "failed")
        self.assertNotIn("wrong", self.decision(message).error)

    def test_a_private_model_url_needs_the_administrators_list(self):
        self.env["ir.config_parameter"].set_param("lokario_mailbox.allowed_hosts", "")
        message = self.receive()
        self.think()
        self.assertEqual(self.decision(message).outcome, "failed")
        self.assertEqual(self.llm.requests, [])


@tagged("post_install", "-at_install")
class TestAiAuto(AiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.policy.mode = "auto"

    def setUp(self):
        super().setUp()
        type(self).answer = staticmethod(hours)

    def test_auto_is_earned_and_lost(self):
        self.earn_trust(accepted=5)
        self.assertEqual((self.intent.judged_count, self.intent.accepted_count), (5, 5))
        first = self.receive()
        self.think()
        self.assertEqual((self.decision(first).outcome, self.decision(first).reason), ("drafted", "not_earned"))
        self.assertTrue(self.decision(first).would_leave)
        self.earn_trust(accepted=5)
        second = self.receive(sender="fay@client.example")
        self.think()
        self.assertEqual(self.decision(second).outcome, "queued")
        self.run_cron(self.cron_send, seconds=11)
        self.assertEqual(self.decision(second).outcome, "sent")
        self.assert_approved(self.decision(second))
        raw = self.sink.deliveries()[0].raw
        self.assertIn("Auto-Submitted: auto-replied", raw)
        self.assertIn("X-Auto-Response-Suppress: All", raw)
        self.earn_trust(accepted=8, edited=2)
        third = self.receive(sender="gus@client.example")
        self.think()
        self.assertEqual((self.decision(third).outcome, self.decision(third).reason), ("drafted", "not_earned"))

    def test_a_text_of_the_model_waits_for_a_person(self):
        self.earn_trust()
        type(self).answer = staticmethod(lambda messages: {"reply": REPLY + " Payez sur http://evil.example"})
        message = self.receive()
        self.think()
        self.run_cron(self.cron_send, seconds=60)
        decision = self.decision(message)
        self.assertEqual((decision.outcome, decision.outgoing_id.state), ("drafted", "draft"))
        self.assertIn(["link", "http://evil.example"], decision.warnings)
        self.assertEqual(self.received(message.from_address), [])

    def test_the_kill_switch_stops_what_is_already_queued(self):
        self.earn_trust()
        message = self.receive()
        self.think()
        self.assertEqual(self.decision(message).outcome, "queued")
        self.company.action_inbox_ai_stop()
        self.run_cron(self.cron_send, seconds=60)
        outgoing = self.decision(message).outgoing_id
        self.assertEqual((outgoing.state, outgoing.cause, self.sink.deliveries()), ("cancelled", "not_allowed", []))
        later = self.receive(sender="hal@client.example")
        self.think()
        self.assertEqual(self.decision(later).reason, "stopped")

    def test_the_kill_switch_is_asked_between_login_and_data(self):
        """Stopped while the answer is being handed over: the last look is right before the first byte."""
        self.earn_trust()
        message = self.receive()
        self.think()
        company, outgoing = self.company, self.decision(message).outgoing_id
        original = self.sink.choose

        def stop_while_connecting(rng):
            company.sudo().inbox_ai_stopped = True
            company.env.flush_all()
            return original(rng)

        self.sink.choose = stop_while_connecting
        self.addCleanup(setattr, self.sink, "choose", original)
        self.run_cron(self.cron_send, seconds=60)
        self.assertEqual((outgoing.state, self.sink.deliveries()), ("cancelled", []))

    def test_quiet_hours_hold_the_answer_until_the_morning(self):
        self.earn_trust()
        self.company.write(
            {
                "inbox_ai_start": 9,
                "inbox_ai_end": 18,
                "inbox_ai_weekdays": "12345",
                "inbox_ai_timezone": "Europe/Paris",
                "inbox_ai_holidays": True,
            }
        )
        with self.at("2026-05-07 19:00:00"):  # Thursday evening before a holiday and a weekend
            message = self.receive()
            self.think()
            outgoing = self.decision(message).outgoing_id
            self.assertEqual(outgoing.send_at, fields.Datetime.to_datetime("2026-05-11 07:00:00"))
            self.run_cron(self.cron_send, seconds=3600)
            self.assertEqual(self.sink.deliveries(), [])
        with self.at("2026-05-11 07:00:05"):
            self.run_cron(self.cron_send)
        self.assertEqual(outgoing.state, "sent")

    def test_an_answer_that_was_held_up_waits_for_the_morning_too(self):
        self.earn_trust()
        self.company.write({"inbox_ai_start": 9, "inbox_ai_end": 18, "inbox_ai_timezone": "Europe/Paris"})
        with self.at("2026-05-07 15:59:30"):  # half a minute before the end
            message = self.receive()
            self.think()
            outgoing = self.decision(message).outgoing_id
            self.faults.append("busy")
            self.run_cron(self.cron_send, seconds=15)
            self.assertEqual((outgoing.state, outgoing.attempts), ("scheduled", 1))
            self.run_cron(self.cron_send, seconds=600)
            self.assertEqual(outgoing.send_at, fields.Datetime.to_datetime("2026-05-08 07:00:00"))
            self.assertEqual(self.sink.deliveries(), [])
        with self.at("2026-05-08 07:00:05"):
            self.run_cron(self.cron_send)
        self.assertEqual(outgoing.state, "sent")

    def test_a_sender_who_writes_on_two_closed_days_gets_one_answer(self):
        """What counts is when the first answer leaves, not when it was asked for."""
        self.earn_trust()
        self.company.write({"inbox_ai_start": 9, "inbox_ai_end": 18, "inbox_ai_weekdays": "12345"})
        with self.at("2026-05-15 19:00:00"):  # Friday evening
            first = self.receive()
            self.think()
        with self.at("2026-05-17 06:00:00"):  # Sunday
            second = self.receive(sender=first.from_address, subject="Autre")
            self.think()
        self.assertEqual((self.decision(second).outcome, self.decision(second).reason), ("drafted", "sender_limit"))
        with self.at("2026-05-18 07:00:05"):
            self.run_cron(self.cron_send)
        self.assertEqual(len(self.received(first.from_address)), 1)

    def test_opening_hours_are_checked_when_they_are_entered(self):
        for values in ({"inbox_ai_start": 25}, {"inbox_ai_weekdays": "8"}, {"inbox_ai_weekdays": ""}):
            with self.assertRaises(ValidationError):
                self.company.write(values)

    def test_one_answer_a_sender_and_period_also_in_another_conversation(self):
        self.earn_trust()
        first = self.receive()
        self.think()
        self.run_cron(self.cron_send, seconds=11)
        second = self.receive(
            text="Une autre question, bonjour : quels sont vos horaires ?", sender=first.from_address, subject="Autre"
        )
        self.think()
        self.assertEqual((self.decision(second).outcome, self.decision(second).reason), ("drafted", "sender_limit"))

    def test_a_person_who_answers_first_wins(self):
        self.earn_trust()
        message = self.receive()
        self.think()
        mine = self.draft(
            parent_id=message.id, conversation_id=message.conversation_id.id, email_to=message.from_address
        )
        mine.action_send()
        self.run_cron(self.cron_send, seconds=11)
        self.run_cron(self.cron_send, seconds=30)
        self.assertEqual(self.decision(message).outcome, "elsewhere")
        self.assertEqual(len(self.received(message.from_address)), 1)

    def test_taking_back_and_marking_wrong_cost_trust(self):
        self.earn_trust()
        message = self.receive()
        self.think()
        self.decision(message).outgoing_id.action_undo()
        self.assertEqual(self.decision(message).outcome, "taken_back")
        other = self.receive(sender="ida@client.example")
        self.think()
        self.run_cron(self.cron_send, seconds=11)
        self.decision(other).action_mark_wrong()
        self.assertEqual(self.decision(other).outcome, "rejected")
        with self.assertRaises(UserError):
            self.decision(message).action_mark_wrong()


@tagged("post_install", "-at_install")
class TestAiFiling(AiCase):
    def test_unmatched_mail_is_filed_and_corrections_are_learned(self):
        self.company.inbox_ai_classify = True
        orders, support = self.env["inbox.category"].create(
            [
                {"name": "Commandes", "description": "Commandes et livraisons"},
                {"name": "Support", "description": "Pannes"},
            ]
        )
        type(self).answer = staticmethod(lambda messages: {"folder": orders.id, "confidence": 0.9, "reply": REPLY})
        message = self.receive("Ma machine est en panne")
        self.think()
        conversation = message.conversation_id
        self.assertEqual((conversation.category_id, conversation.classified_by), (orders, "ai"))
        conversation.category_id = support
        example = self.env["inbox.ai.example"].search([("conversation_id", "=", conversation.id)])
        self.assertEqual(example.category_id, support)
        rule = self.env["inbox.rule"].browse(example.action_make_rule()["res_id"])
        self.assertEqual((rule.category_id, rule.condition_ids.value), (support, CUSTOMER))
        self.llm.requests.clear()
        self.receive("Autre panne", sender="new@client.example")
        self.think()
        self.assertIn("-> Support", str(self.llm.requests))

    def test_an_unsure_or_invented_folder_is_not_taken(self):
        self.company.inbox_ai_classify = True
        folder = self.env["inbox.category"].create({"name": "Commandes", "description": "Commandes"})
        for answer in (
            {"folder": folder.id, "confidence": 0.3},
            {"folder": 999999, "confidence": 1},
            {"folder": "x"},
            {},
        ):
            type(self).answer = staticmethod(lambda messages, answer=answer: answer)
            message = self.receive(sender=f"s{self.env['inbox.message'].search_count([])}@client.example")
            self.think()
            self.assertEqual(self.decision(message, "classify").outcome, "unsure")
            self.assertFalse(message.conversation_id.category_id)

    def test_a_long_conversation_is_summarised(self):
        type(self).answer = staticmethod(lambda messages: {"summary": "Le client demande les horaires."})
        self.policy.mode = "off"
        message = self.receive()
        message.conversation_id.action_summarise()
        self.think()
        self.assertEqual(message.conversation_id.ai_summary, "Le client demande les horaires.")

    def test_long_conversations_are_summarised_where_the_company_wants_it(self):
        type(self).answer = staticmethod(lambda messages: {"summary": f"{str(messages).count('[mail ')} mails."})
        self.policy.mode = "off"
        self.company.inbox_ai_summary_from = 3
        first = self.receive()
        for number in (1, 2, 3):
            self.receive(f"Suite {number}", conversation=first.conversation_id, seconds=number)
        self.think()
        self.assertEqual(first.conversation_id.ai_summary, "4 mails.")
        self.assertEqual(len(self.llm.requests), 1, "a burst is summarised once")

    def test_drafts_also_land_in_the_mailboxs_drafts_folder(self):
        self.policy.to_drafts_folder = True
        message = self.receive()
        self.think()
        self.run_cron(self.env.ref("lokario_inbox_ai.ir_cron_file_drafts"))
        self.assertEqual(len(self.in_folder("Drafts")), 1)
        self.receive(
            "Réponse depuis le téléphone",
            sender="contact@alpha.example",
            email_to=CUSTOMER,
            folder="sent",
            conversation=message.conversation_id,
            seconds=5,
        )
        self.assertEqual(self.decision(message).outcome, "elsewhere")
        self.run_cron(self.env.ref("lokario_inbox_ai.ir_cron_file_drafts"))
        self.assertEqual(self.in_folder("Drafts"), [])
