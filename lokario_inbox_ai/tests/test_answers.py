"""What leaves automatically: approved passages and values of this customer's records, whatever a model returns."""

import json
import logging
from datetime import timedelta
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from odoo.addons.lokario_mailbox.tests.outgoing_common import CUSTOMER

from .ai_common import PROVED, AiCase, hours
from .answer_models import HostileModel, ObedientModel, RightModel, WrongModel, choice, mails
from .test_answer_tools import ANYTHING, FIELDS

_logger = logging.getLogger(__name__)
KINDS = st.sampled_from(["invoice", "quote", "order"])
ODD = (
    *("", "null", "[]", "[" * 100_000, '{"a":' * 50_000, "x" * 1_000_000, '{"blocks": [1e999]}'),
    '{"blocks": [' + "9" * 5000 + "]}",
    '{"confidence": NaN, "intent": "invoice", "language": "fr", "blocks": [1]}',
    *(
        '{"reply": "\\ud800", "x": 1}',
        '{"blocks": [1], "\\u0000": 1}',
        '{"reply": "\\u0000\\u001b[2J"}',
        json.dumps({"reply": '{"blocks": [1]}'}),
        "```json\n{}\n```",
    ),
    '{"reply": "' + "a" * 900_000 + '"}',
)
MANAGER, USER = "lokario_inbox.group_lokario_inbox_manager", "lokario_inbox.group_lokario_inbox_user"


@tagged("post_install", "-at_install")
class TestApproval(AiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.policy.mode = "auto"

    def setUp(self):
        super().setUp()
        type(self).answer = staticmethod(hours)
        self.earn_trust()
        self.body = self.blocks.filtered(lambda block: block.kind == "body")

    def queued(self):
        message = self.receive(sender=f"c{self.env['inbox.message'].search_count([])}@client.example")
        self.think()
        return self.decision(message)

    def test_a_manager_approves_and_nobody_else(self):
        manager = new_test_user(self.env, "boss", groups=MANAGER)
        clerk = new_test_user(self.env, "clerk", groups=USER)
        block = self.body.with_user(manager).copy({"text": "Nous ouvrons bientôt."})
        self.assertEqual(block.state, "proposed")
        for act in (
            lambda: block.with_user(clerk).action_approve(),
            lambda: block.with_user(clerk).action_withdraw(),
            lambda: block.with_user(clerk).write({"text": "Payez"}),
            lambda: block.write({"approved_hash": block._fingerprint()}),
            lambda: block.write({"approved_by_id": manager.id}),
            lambda: block.with_user(clerk).action_propose_from_sent(),
            lambda: block.create({"name": "x", "text": "y", "approved_hash": "z"}),
        ):
            with self.assertRaises(AccessError):
                act()
        block.action_approve()
        self.assertEqual((block.state, block.approved_by_id), ("approved", manager))

    def test_a_manager_of_another_company_approves_nothing_here(self):
        other = self.env["res.company"].create({"name": "Beta"})
        stranger = new_test_user(
            self.env, "stranger", groups=MANAGER, company_id=other.id, company_ids=[Command.set(other.ids)]
        )
        with self.assertRaises(AccessError):
            self.body.with_user(stranger).action_approve()

    def test_any_change_ends_the_approval(self):
        for values in (
            {"text": "Nous sommes fermés."},
            {"name": "Autre sujet"},
            {"kind": "closing"},
            {"lang": "en_US"},
            {"approved_until": fields.Date.add(fields.Date.today(), years=9)},
            {"intent_ids": [Command.clear()]},
        ):
            block = self.body.copy()
            block.action_approve()
            block.write(values)
            self.assertEqual((block.state, block.approved_hash), ("proposed", False), values)
        self.intent.block_ids -= self.body
        self.assertEqual(self.body.state, "proposed", "also from the other side")

    def test_a_passage_of_which_the_text_was_changed_below_the_program_is_not_approved(self):
        self.env.cr.execute("UPDATE inbox_answer_block SET text = 'Payez ici' WHERE id = %s", [self.body.id])
        self.env.invalidate_all()
        self.assertEqual(self.body.state, "proposed")
        decision = self.queued()
        self.assertNotEqual(decision.outcome, "queued")

    def test_expired_passages_are_not_offered(self):
        self.body.approved_until = fields.Date.today()
        self.body.action_approve()
        decision = self.queued()
        with self.at(fields.Datetime.now() + timedelta(days=2)):
            self.assertEqual(self.body.state, "expired")
            self.env.invalidate_all()
            self.assertFalse(decision._is_still_right())
            self.assertNotIn(self.body, self.body._usable(self.company))
            with self.assertRaises(UserError):
                self.body.action_approve()

    def test_the_last_day_of_a_passage_ends_where_its_company_is(self):
        self.company.partner_id.tz = "Europe/Paris"
        self.body.approved_until = "2030-05-04"
        self.body.action_approve()
        states = []
        for moment in ("2030-05-04 21:30:00", "2030-05-04 22:30:00"):
            with self.at(moment):
                self.body.invalidate_recordset()
                states.append(self.body.state)
        self.assertEqual(states, ["approved", "expired"])

    def test_slots_are_known_and_text_is_plain(self):
        for text in (
            "{{customer.password}}",
            "{{ customer.name",
            "{{7*7}}",
            "a\u202eb",
            "x" * 2001,
            "a\x07b",
        ):
            with self.assertRaises(ValidationError, msg=text[:30]):
                self.body.text = text

    def test_withdrawing_stops_what_waits(self):
        decision = self.queued()
        self.assertEqual(decision.outcome, "queued")
        self.body.action_withdraw()
        self.run_cron(self.cron_send, seconds=60)
        outgoing = decision.outgoing_id
        self.assertEqual((outgoing.state, outgoing.cause, self.sink.deliveries()), ("cancelled", "not_allowed", []))

    def test_withdrawn_between_login_and_data_it_stays(self):
        """The last look is right before the final dot: approval, text and values as they are then."""
        original = self.sink.choose
        self.addCleanup(setattr, self.sink, "choose", original)
        for column, table, wrong, record in (
            ("text", "inbox_answer_block", "Nous sommes fermés.", self.body),
            ("approved_hash", "inbox_answer_block", "", self.body),
            ("inbox_ai_hours", "res_company", json.dumps({"en_US": "Dimanche", "fr_FR": "Dimanche"}), self.company),
            ("is_automatic", "inbox_answer_intent", False, self.intent),
        ):
            decision = self.queued()
            self.assertEqual(decision.outcome, "queued", decision.explanation)
            self.env.cr.execute(f"SELECT {column} FROM {table} WHERE id = %s", [record.id])
            (right,) = self.env.cr.fetchone()
            right = json.dumps(right) if isinstance(right, dict) else right
            change = f"UPDATE {table} SET {column} = %s WHERE id = %s"

            def change_while_connecting(rng, change=change, values=(wrong, record.id)):
                self.env.cr.execute(change, values)
                return original(rng)

            self.sink.choose = change_while_connecting
            self.run_cron(self.cron_send, seconds=60)
            self.sink.choose = original
            self.assertEqual((decision.outgoing_id.state, self.sink.deliveries()), ("cancelled", []), column)
            self.env.cr.execute(change, [right, record.id])
            self.env.invalidate_all()

    def test_proposals_come_from_canned_answers_and_what_was_sent(self):
        manager = new_test_user(self.env, "boss", groups=MANAGER)
        self.env["inbox.canned.answer"].create(
            {"name": "Horaires d'été", "body_html": "<p>En août nous sommes ouverts à partir de 10h, {{customer}}.</p>"}
        )
        for number in range(3):
            sent = self.draft(
                email_to=f"c{number}@client.example",
                body_html="<p>Bonjour,</p><p>Nous livrons dans toute la France en trois jours.</p><p>Cordialement</p>",
            )
            sent.action_send()
        self.run_cron(self.cron_send, seconds=15)
        blocks = self.env["inbox.answer.block"].with_user(manager).with_context(lang="fr_FR")
        for act in (blocks.action_import_canned, blocks.action_propose_from_sent):
            act()
            act()  # a second time nothing new
        made = blocks.search([]) - self.blocks
        self.assertEqual(
            sorted(made.mapped("text")),
            ["Cordialement", "En août nous sommes ouverts à partir de 10h, {{customer.name}}.",
             "Nous livrons dans toute la France en trois jours."],
        )  # fmt: skip
        self.assertEqual(set(made.mapped("state")), {"proposed"})
        summer = made.filtered(lambda block: "août" in block.text)
        self.assertEqual((summer.intent_ids, summer.lang, summer.kind), (self.intent, "fr_FR", "body"))

    def test_ten_questions_in_a_few_presses(self):
        manager = new_test_user(self.env, "boss", groups=MANAGER)
        beta = self.env["res.company"].create({"name": "Beta"})
        manager.company_ids |= beta
        blocks = self.env["inbox.answer.block"].with_user(manager).with_company(beta)
        blocks.action_add_usual()
        made = blocks.search([("company_id", "=", beta.id)])
        intents = self.env["inbox.answer.intent"].search([("company_id", "=", beta.id)])
        self.assertEqual((len(intents), set(made.mapped("state"))), (10, {"proposed"}))
        self.assertEqual(set(made.mapped("lang")), {"en_US", "fr_FR"})
        self.assertEqual(intents.with_context(lang="fr_FR")[0].name, "Horaires d'ouverture")
        made.action_approve()
        self.assertEqual(set(made.mapped("state")), {"approved"})
        blocks.action_add_usual()
        self.assertEqual(blocks.search([("company_id", "=", beta.id)]), made)


class AnswerCase(AiCase):
    """The usual questions are approved and earned; Anne has documents, Bob has others."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.policy.mode = "auto"
        cls.approve_usual()
        cls.anne, cls.bob = cls.env["res.partner"].create(
            [{"name": "Anne Côté", "email": CUSTOMER}, {"name": "Bob", "email": "bob@client.example"}]
        )
        cls.add_documents(cls.anne, "1")
        cls.secret = cls.documents.add(
            cls.bob, "invoice", "FAC/2026/00999", amount="9 999,00 €", due_date="1", link="x"
        )

    @classmethod
    def add_documents(cls, partner, suffix):
        """One open invoice, quote and order of a customer."""
        link = "https://alpha.example/my/"
        names = {
            kind: f"{letter}/2026/0000{suffix}" for kind, letter in (("invoice", "FAC"), ("quote", "D"), ("order", "C"))
        }
        add = cls.documents.add
        invoice = add(partner, "invoice", names["invoice"], amount="120,00 €", due_date="30/11/2026", link=link + "i")
        add(partner, "quote", names["quote"], amount="80,00 €", valid_until="15/12/2026", link=link + "q")
        add(partner, "order", names["order"], date="20/11/2026", link=link + "o")
        return invoice

    def setUp(self):
        super().setUp()
        for intent in self.usual:
            self.earn_trust(accepted=1, intent=intent)
        known = {id_: (*what[:2], dict(what[2])) for id_, what in self.documents.known.items()}
        self.addCleanup(self.documents.known.update, known)
        self.addCleanup(self.documents.known.clear)  # first

    def mail(self, text="Bonjour, quel est le montant de ma facture ?", partner=None, **values):
        partner = partner or self.anne
        subject = f"Question {self.env['inbox.message'].search_count([])}"
        message = self.receive(text, sender=partner.email, **{"headers": PROVED, "subject": subject, **values})
        message.conversation_id.partner_id = partner
        return message

    def answer_of(self, message, model):
        decision = self.ask_here(message, model)
        if decision.outcome == "queued":
            self.assert_approved(decision)
        return decision

    def obstacles(self, message, model):
        decision = self.answer_of(message, model)
        self.assertNotEqual(decision.outcome, "queued")
        return {code for code, __ in decision.obstacles or ()}


@tagged("post_install", "-at_install")
class TestAttacks(AnswerCase):
    """As the attacker: records, names, languages, documents and votes."""

    def setUp(self):
        super().setUp()
        self.invoice = lambda messages, **values: choice(messages, "invoice", "fr", **values)

    def test_the_customers_own_invoice_is_named(self):
        decision = self.answer_of(self.mail(), self.invoice)
        self.assertEqual(decision.outcome, "queued", decision.explanation)
        for value in ("FAC/2026/00001", "120,00 €", "30/11/2026"):
            self.assertIn(value, decision.text)

    def test_documents_of_others_are_neither_shown_nor_taken(self):
        seen = []

        def greedy(messages):
            seen.append(str(messages))
            return self.invoice(messages, slots={"invoice": "R4"})

        self.assertEqual(self.obstacles(self.mail(), greedy), {"record", "slot"})
        self.assertNotIn("00999", seen[0])

    def test_who_is_not_verified_gets_generic_passages_only(self):
        for headers in ("", PROVED.replace("pass", "fail"), PROVED.replace("127.0.0.1", "evil.example")):
            self.assertIn("sender", self.obstacles(self.mail(headers=headers), self.invoice))
        message = self.mail("Bonjour, quels sont vos horaires ?", headers="")
        self.assertEqual(self.answer_of(message, hours).outcome, "queued")
        stranger = self.mail(headers=PROVED)
        stranger.conversation_id.partner_id = self.bob  # somebody else in Bob's conversation
        self.assertIn("sender", self.obstacles(stranger, self.invoice))

    def test_a_forged_sender_gets_nothing(self):
        message = self.mail("Bonjour, quels sont vos horaires ?", headers=PROVED.replace("dmarc=pass", "dmarc=fail"))
        self.assertEqual(self.obstacles(message, hours), {"forged"})

    def test_a_name_that_is_more_than_a_name_stays_out(self):
        greeting = self.env["inbox.answer.block"].search([("text", "like", "customer.name"), ("lang", "=", "fr_FR")])

        def named(messages):
            answer = self.invoice(messages)
            return {**answer, "blocks": [greeting.id, *answer["blocks"][1:]]}

        for name in (
            "http://evil.example",
            "Votre remboursement est accordé",
            "A\u202eb",
            "x" * 80,
            "{{company.hours}}",
        ):
            self.anne.name = name
            self.assertEqual(self.obstacles(self.mail(), named), {"slot"}, ascii(name))
        self.anne.name = "Anne Côté"
        decision = self.answer_of(self.mail(), named)
        self.assertEqual(decision.outcome, "queued", decision.explanation)
        self.assertIn("Bonjour Anne Côté,", decision.text)

    def test_which_document_is_meant(self):
        self.documents.add(
            self.anne, "invoice", "FAC/2026/00007", amount="7,00 €", due_date="1/1/2027", link="https://x"
        )
        self.assertIn("which_record", self.obstacles(self.mail(), self.invoice))
        named = "Bonjour, quel est le montant de ma facture FAC/2026/00007 ?"
        self.assertIn(
            "which_record", self.obstacles(self.mail(named), lambda m: self.invoice(m, slots={"invoice": "R1"}))
        )
        decision = self.answer_of(self.mail(named), lambda m: self.invoice(m, slots={"invoice": "R4"}))
        self.assertIn("7,00 €", decision.text)
        unknown = "Bonjour, quel est le montant de la facture FAC/2026/00555 ?"
        self.assertIn("which_record", self.obstacles(self.mail(unknown), self.invoice))

    def test_a_document_of_another_kind_fills_no_slot(self):
        self.assertIn("record", self.obstacles(self.mail(), lambda m: self.invoice(m, slots={"invoice": "R2"})))

    def test_a_slot_without_a_value_is_seen_by_a_person(self):
        record = self.documents._customer_records(self.anne, self.company)[0]
        self.documents.change(record, amount="")
        decision = self.ask_here(self.mail(), self.invoice)
        self.assertEqual((decision.outcome, decision.obstacles), ("drafted", [["slot", "invoice.amount"]]))
        self.assertIn("{{invoice.amount}}", decision.text)

    def test_what_changed_before_it_left_does_not_leave(self):
        decision = self.answer_of(self.mail(), self.invoice)
        self.assertTrue(decision._is_still_right())
        record = self.documents._customer_records(self.anne, self.company)[0]
        self.documents.change(record, amount="60,00 €")  # paid in part
        self.assertFalse(decision._is_still_right())
        self.documents.change(record, amount="120,00 €")
        del self.documents.known[record.id]  # paid
        self.assertFalse(decision._is_still_right())

    def test_language_question_and_sureness(self):
        message = lambda text="Bonjour, quels sont vos horaires ?": self.mail(text)  # noqa: E731
        self.assertIn("language", self.obstacles(message(), lambda m: choice(m, "opening_hours", "en")))
        self.assertIn("language", self.obstacles(message("Horaires ???"), hours))
        self.assertIn("confidence", self.obstacles(message(), lambda m: choice(m, "opening_hours", confidence=0.3)))
        self.assertIn("intent_words", self.obstacles(message(), lambda m: choice(m, "delivery")))
        both = "Bonjour, quels sont vos horaires et quels sont vos délais de livraison ?"
        self.assertIn("several_intents", self.obstacles(message(both), hours))
        mixed = lambda m: {**choice(m, "opening_hours"), "blocks": choice(m, "opening_hours", "en")["blocks"]}  # noqa: E731
        self.assertIn("block_language", self.obstacles(message(), mixed))
        other = lambda m: {**choice(m, "opening_hours"), "blocks": choice(m, "delivery")["blocks"]}  # noqa: E731
        self.assertIn("block_intent", self.obstacles(message(), other))
        long = "Bonjour, quels sont vos horaires ? " + "Merci. " * 4000 + "mon avocat vous écrit"
        self.assertIn("long_mail", self.obstacles(message(long), hours))

    def test_either_vote_keeps_it_for_a_person_who_hears_of_it(self):
        clerk = new_test_user(self.env, "clerk", groups=USER, lang="en_US")
        for text, model in (
            ("Bonjour, quels sont vos horaires ? Mon avocat vous écrira.", hours),
            ("Bonjour, quels sont vos horaires ?", lambda m: choice(m, "opening_hours", sensitive=["legal"])),
            ("Bonjour, quels sont vos horaires ?", lambda m: {**choice(m, "opening_hours"), "intent": "legal"}),
            ("Bonjour, quels sont vos horaires ?", lambda m: {"reply": "Bonjour", "sensitive": ["legal"]}),
        ):
            message = self.mail(text)
            conversation = message.conversation_id
            conversation.user_id = clerk
            decision = self.ask_here(message, model)
            self.assertEqual((decision.outcome in ("drafted", "failed"), decision.sensitive), (True, ["legal"]))
            self.assertEqual((conversation.is_urgent, conversation.activity_ids.user_id), (True, clerk))
            self.assertIn("legal notice", conversation.activity_ids.summary)

    def test_a_mail_before_that_nobody_answered_counts(self):
        """A threat, and a harmless question right after it."""
        first = self.mail("Bonjour, quels sont vos horaires ? Mon avocat vous écrira.")
        second = self.receive(conversation=first.conversation_id, seconds=5, headers=PROVED)
        self.assertEqual(second.conversation_id, first.conversation_id)
        self.assertEqual(self.ask_here(first, hours).outcome, "superseded")
        self.assertIn("sensitive", self.obstacles(second, hours))
        self.assertEqual(self.decision(second).sensitive, ["legal"])

    def test_attachments_are_judged_by_a_person(self):
        message = self.mail("Bonjour, quels sont vos horaires ?")
        file = {"integration_id": self.integration.id, "message_id": message.id}
        inline = self.env["inbox.attachment"].create({**file, "name": "logo.png", "is_inline": True})
        message.has_attachments = True
        self.assertEqual(self.env["inbox.answer.composer"]._sensitive_kinds(message, ""), ())
        inline.is_inline = False
        self.assertIn("sensitive", self.obstacles(message, hours))

    def test_nothing_of_the_customers_mail_goes_back(self):
        message = self.mail(
            "Bonjour, quels sont vos horaires ?\nPayez sur evil.example", subject="Remboursement accordé"
        )
        decision = self.answer_of(message, hours)
        self.assertEqual(decision.outcome, "queued", decision.explanation)
        raw = decision.outgoing_id.mail_id._raw_bytes().decode("latin-1")
        self.assertNotIn("evil.example", raw)
        self.assertNotIn("Remboursement", raw)

    @given(st.dictionaries(FIELDS, ANYTHING, max_size=8) | st.text(max_size=200), st.data())
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    def test_a_model_that_returns_anything(self, answer, data):
        """Random JSON, and valid choices with random parts: what is queued is approved, byte by byte."""
        offered = [block.id for block in self.env["inbox.answer.block"]._usable(self.company)]
        valid = {
            "intent": data.draw(st.sampled_from(["invoice", "opening_hours", "delivery", "legal", "x"])),
            "confidence": data.draw(st.sampled_from([0.1, 0.9, 1.0])),
            "language": data.draw(st.sampled_from(["fr", "en", "de"])),
            "blocks": data.draw(st.lists(st.sampled_from([*offered, 1, 99_999_999]), min_size=1, max_size=6)),
            "slots": data.draw(st.dictionaries(KINDS, st.sampled_from(["R1", "R2", "R9"]))),
        }
        for value in (answer, valid, {**valid, **answer} if isinstance(answer, dict) else valid):
            with self.env.cr.savepoint() as savepoint:
                text = value if isinstance(value, str) else json.dumps(value)
                self.answer_of(self.mail(), lambda _messages, text=text: text)
                savepoint.rollback()
                self.env.invalidate_all()

    def test_odd_answers_of_a_model(self):
        for text in ODD:
            decision = self.ask_here(self.mail(), lambda _messages, text=text: text)
            self.assertNotEqual(decision.outcome, "queued", text[:30])
            self.assertLessEqual(len(decision.text or ""), 10_000)


@tagged("post_install", "-at_install")
class TestMailsOfABusiness(AnswerCase):
    """200 ordinary mails and 264 hostile ones, with models that are right, sometimes wrong, hostile, obedient."""

    DOCUMENTS = {"{order}": "C/2026/00001", "{invoice}": "FAC/2026/00001", "{quote}": "D/2026/00001"}

    def setUp(self):
        super().setUp()
        self.startPatcher(patch.object(type(self.env["inbox.ai.decision"]), "_limit_reached", lambda decision: None))

    def play(self, cases, model):
        """Return {case id: decision}; every mail is its own conversation with Anne."""
        played = {}
        for case in cases:
            text = case["text"]
            for mark, number in self.DOCUMENTS.items():
                text = text.replace(mark, number)
            message = self.mail(text, **self.fields_of(case))
            played[case["id"]] = self.answer_of(message, model)
        return played

    def fields_of(self, case):
        headers = PROVED if case.get("verified", True) else ""
        if case.get("forged"):
            headers = PROVED.replace("pass", "fail")
        author = f"{case.get('name', 'Anne').replace(',', ' ')} <{CUSTOMER}>"
        values = {"headers": headers, "subject": f"{case['id']} {case.get('subject', '')}", "author": author}
        return values | ({"body_html": case["html"]} if "html" in case else {})

    def left(self, played):
        return {case for case, decision in played.items() if decision.outcome == "queued"}

    def test_a_right_model_answers_most_of_it(self):
        cases = mails("benign_mails")
        played = self.play(cases, RightModel(cases))
        left = self.left(played)
        _logger.info("result: ordinary mails answered automatically = %.4f", len(left) / len(cases))
        self.assertEqual(len(cases), 200)
        self.assertGreaterEqual(len(left), 0.6 * len(cases))
        wrong = [
            case["id"] for case in cases if case["id"] in left and played[case["id"]].intent_id.code != case["intent"]
        ]
        self.assertEqual(wrong, [])

    def test_a_model_that_is_wrong_in_a_fifth_sends_no_wrong_fact(self):
        self.assert_right_answers_only(WrongModel, "wrong")

    def test_a_hostile_model_sends_nothing_wrong(self):
        self.assert_right_answers_only(HostileModel, "hostile")

    def assert_right_answers_only(self, model, name):
        """What left answers a question of the mail, in its language, about a document that is meant."""
        cases = [case for case in mails("benign_mails") if int(case["id"][-3:]) % 2]
        played = self.play(cases, model(cases))
        wrong = []
        for case in cases:
            decision = played[case["id"]]
            is_right = decision.intent_id.code == case["intent"] or not case["intent"]
            languages = {block._language() for block in decision.block_ids}
            if decision.outcome == "queued" and not (is_right and languages == {case["language"]}):
                wrong.append((case["text"], decision.text))
        _logger.info("figures: %s model: left %s of %s, wrong %s", name, len(self.left(played)), len(cases), len(wrong))
        self.assertEqual(wrong, [])

    def test_hostile_mails_to_a_model_that_obeys(self):
        cases = mails("hostile_mails")
        self.assertGreaterEqual(len(cases), 200)
        played = self.play(cases, ObedientModel(cases))
        unwarned = []
        for case in cases:
            decision = played[case["id"]]
            self.assertEqual(decision.outgoing_id.email_to or CUSTOMER, CUSTOMER)
            if case.get("sensitive"):
                self.assertNotEqual(decision.outcome, "queued", case)
            for secret in ("00999", "9 999,00", "evil"):
                if decision.outcome == "queued":
                    self.assertNotIn(secret, decision.text)
            codes = {code for code, __ in decision.warnings or ()}
            is_seen = decision.obstacles if decision.is_composed else case["warning"] in codes
            if decision.outcome != "queued" and not is_seen:
                unwarned.append((case["id"], case["kind"], sorted(codes)))
        drafts = len(cases) - len(self.left(played))
        _logger.info("figures: hostile mails: %s drafts, without the right warning %s", drafts, len(unwarned))
        self.assertLessEqual(len(unwarned), 0.05 * drafts, unwarned)
