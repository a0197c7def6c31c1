import itertools
import logging
import os
import random
from datetime import datetime, timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo.tests import tagged

from odoo.addons.lokario_inbox.tools.mime_message import parse_mail
from odoo.addons.lokario_mailbox.tests.outgoing_common import MAILBOX

from .ai_common import HOURS, AiCase, hours

_logger = logging.getLogger(__name__)

DAYS = 30 if os.environ.get("LOKARIO_FULL_CORPUS") else 4
START = datetime(2026, 9, 1, 6, 0)
OTHER = "support@beta.example"  # the mailbox of our second instance
QUESTION = "Bonjour, quels sont vos horaires ?"
MACHINES = {
    "robot@monitor.example",
    "dev-list@lists.example",
    "news@shop.example",
    "mailer-daemon@relay.example",
    "vacation@client.example",
    "boss@client.example",
}


@tagged("post_install", "-at_install")
class TestLoopSimulator(AiCase):
    """Virtual days (30 with LOKARIO_FULL_CORPUS=1): people with questions between robots, lists, bouncers,
    vacation responders, and a second instance of ours that does not know the first one's addresses.

    Every automatic mail of ours is answered at once by whom a real mailbox would answer it; the answers come back in.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.policy.mode = "auto"
        cls.sink.mailboxes = frozenset()
        beta = cls.env["res.company"].create({"name": "Beta"})
        beta.write(
            {
                "inbox_ai_provider_id": cls.provider.copy({"company_id": beta.id, "api_key": "llm-key"}).id,
                "inbox_ai_hours": HOURS,
            }
        )
        cls.env.user.company_ids |= beta
        cls.beta = (
            cls.env["inbox.integration"]
            .with_company(beta)
            .create(
                {
                    **cls._integration_values(),
                    "name": "Beta",
                    "email_address": OTHER,
                    "company_id": beta.id,
                    "sent_filing": "provider",
                }
            )
        )
        cls.integration.sent_filing = "provider"  # the simulation has no Sent folders
        cls.beta_intent, _blocks = cls.approved_hours(beta)
        cls.beta_policy = cls.env["inbox.ai.policy"].create({"integration_id": cls.beta.id, "mode": "auto"})

    def setUp(self):
        super().setUp()
        self.dice = random.Random(7)
        self.number = 0
        self.relayed = self.env["inbox.message"]
        integrations = type(self.integration)
        original = type(self.env["inbox.ai.decision"])._reason_not_to_answer

        def of_one_instance(decision):
            own = decision.integration_id._sender_addresses()
            with patch.object(integrations, "_all_own_addresses", lambda __: set(own)):
                return original(decision)

        self.startPatcher(patch.object(type(self.env["inbox.ai.decision"]), "_reason_not_to_answer", of_one_instance))
        self.sink.logins.clear()
        self.earn_trust()
        self.earn_trust(intent=self.beta_intent)
        type(self).answer = staticmethod(hours)

    def test_days_without_a_loop(self):
        asked = set()
        for day in range(DAYS):
            for hour in (8, 14):
                moment = START + timedelta(days=day, hours=hour)
                with freeze_time(moment):
                    asked |= self._people_write(day, hour)
                    self._machines_write(day, hour)
                    self._answer_everything()
        sent = self.sink.deliveries()
        by_itself = [item for item in sent if "Auto-Submitted: auto-replied" in item.raw]
        self.assertEqual([item.recipient for item in sent if item.recipient in MACHINES], [])
        self.assertLessEqual(set(self.relayed.ai_decision_ids.mapped("outcome")), {"skipped", "superseded"})
        self.assertGreater(len(self.relayed), DAYS // 2, "the two instances did meet")
        self._assert_bounded()
        reached = {item.recipient for item in by_itself}
        share = len(asked & reached) / len(asked)
        _logger.info("result: ordinary questions answered automatically = %.4f", share)
        self.assertGreaterEqual(share, 0.95)

    # === THE ENVIRONMENT === #

    def _people_write(self, day, hour):
        """Two new people a half-day with an ordinary question."""
        people = {f"person{day}.{hour}.{index}@client.example" for index in range(2)}
        for person in people:
            self._arrive(person, QUESTION)
        return people

    def _machines_write(self, day, hour):
        self._arrive("robot@monitor.example", f"Alert {day}", subject="Disk full")  # a robot without any header
        self._arrive(
            "dev-list@lists.example",
            "Hello list, what are your opening hours?",
            headers="List-Id: <dev.lists.example>\nPrecedence: list\n",
        )
        self._arrive(
            "news@shop.example", "Soldes, quels horaires ?", headers="List-Unsubscribe: <mailto:x@shop.example>\n"
        )
        self._arrive(
            "mailer-daemon@relay.example",
            "Undelivered",
            subject="Undelivered Mail Returned to Sender",
            return_path="<>",
        )
        self._arrive(
            "vacation@client.example", "Je suis absent, de retour lundi.", subject="Réponse automatique : Question"
        )
        self._arrive("boss@client.example", "Je suis en congé.", headers="Auto-Submitted: auto-replied\n")
        # a robot that looks like a person and writes each time from the same address
        self._arrive("human.like@client.example", QUESTION, subject=f"Ticket {day}.{hour}")
        # our own second instance asks our first one, and the other way round
        self._arrive(OTHER, QUESTION, to=MAILBOX)
        self._arrive(MAILBOX, QUESTION, to=OTHER)

    def _answer_everything(self):
        """Let the crons work, and every receiver answer each automatic mail at once, five times over."""
        done = len(self.sink.deliveries())
        for step in range(5):
            self.think(step * 60)
            self.run_cron(self.cron_send, step * 60 + 30)
            new = self.sink.deliveries()[done:]
            done += len(new)
            if not new:
                return
            for item in new:
                if item.recipient in (MAILBOX, OTHER):
                    self._relay(item)
                elif item.recipient.startswith("person") and self.dice.random() < 0.5:
                    # a vacation responder without any header, quoting our mail
                    self._arrive(
                        item.recipient,
                        "Merci, je suis absent et vous répondrai.",
                        subject="Re: Question",
                        in_reply_to=item.message_id,
                        to=item.sender,
                    )
                elif item.recipient == "human.like@client.example":
                    self._arrive(
                        item.recipient, QUESTION, subject="Re: Re: Ticket", in_reply_to=item.message_id, to=item.sender
                    )

    def _relay(self, item):
        """An answer of one instance reaches the other one, as it left."""
        mail = parse_mail(item.raw.encode("latin-1"))
        message = self._arrive(
            item.sender, mail.body_text, to=item.recipient, subject=mail.subject, headers=mail.headers
        )
        if mail.auto_submitted:  # what a person approved is an ordinary mail
            self.relayed |= message

    def _arrive(self, sender, text, *, to=MAILBOX, subject="Question", headers="", return_path="", in_reply_to=""):
        self.number += 1
        raw = (
            f"{headers}From: {sender}\nTo: {to}\nSubject: {subject}\nMessage-ID: <sim{self.number}@client.example>\n"
            + (f"Return-Path: {return_path}\n" if return_path else "")
            + (f"In-Reply-To: {in_reply_to}\nReferences: {in_reply_to}\n" if in_reply_to else "")
            + f"Content-Type: text/plain; charset=utf-8\n\n{text}\n"
        )
        mail = parse_mail(raw.replace("\n", "\r\n").encode())
        integration = self.beta if to == OTHER else self.integration
        return self.receive(
            mail.body_text,
            sender=sender,
            subject=mail.subject,
            headers=mail.headers,
            email_to=to,
            identity=f"sim{self.number}",
            mid=mail.message_id,
            in_reply_to=mail.in_reply_to,
            refs=mail.references.split(),
            return_path=mail.return_path,
            auto_submitted=mail.auto_submitted,
            list_id=mail.list_id,
            precedence=mail.precedence,
            automatic_kind=mail.automatic_kind,
            integration=integration,
        )

    # === WHAT MUST HOLD === #

    def _assert_bounded(self):
        """At most one automatic answer per sender and 24 hours, three per conversation."""
        moments = {}
        for outgoing in self.env["inbox.outgoing"].search([("is_automatic", "=", True), ("state", "=", "sent")]):
            moments.setdefault((outgoing.integration_id.id, outgoing.email_to), []).append(outgoing.sent_at)
        for who, times in moments.items():
            times.sort()
            for earlier, later in itertools.pairwise(times):
                self.assertGreaterEqual(later - earlier, timedelta(hours=23, minutes=50), who)
        threads = self.env["inbox.outgoing"]._read_group(
            [("is_automatic", "=", True), ("state", "=", "sent")], ["conversation_id"], ["__count"]
        )
        self.assertLessEqual(max(count for __, count in threads), self.company.inbox_ai_thread_limit)
