"""What is ours is decided by our outbox and the Sent folder: a From with our own address proves nothing."""

from odoo.tests import tagged

from odoo.addons.lokario_mailbox.tests.outgoing_common import CUSTOMER, MAILBOX

from ..tools.gate_text import hidden_characters, plain
from .ai_common import AiCase
from .conversation_common import ConversationCase

OURS, VICTIM, ATTACKER = "contact@atelier.fr", "anna@client.com", "mallory@evil.example"
FAILED = "Authentication-Results: mx.atelier.fr; dmarc=fail header.from=atelier.fr"


@tagged("post_install", "-at_install")
class TestOurs(ConversationCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.second = cls.make_mailbox(cls.company, "ventes@atelier.fr")

    def _forged(self, **values):
        """A mail of a stranger that names the mailbox as its author."""
        return {"sender": OURS, "author": f"Contact <{OURS}>", "subject": "Re: Devis escalier", **values}

    def test_a_forged_author_is_received_mail(self):
        for mailbox in (self.mailbox, self.second):
            forged = self._forged(sender=mailbox.email_address, author=mailbox.email_address, mid=f"<f{mailbox.id}@x>")
            (mail,) = self.store(forged, mailbox=mailbox)
            self.assertEqual((mail.direction, mail.is_own, mail.is_sent_by_us()), ("in", False, False))
            self.assertFalse(mail.partner_id)
            self.assertEqual(mail.conversation_id.last_direction, "in")
            self.assertFalse(mail.conversation_id.partner_id)

    def test_the_same_mail_in_sent_is_ours(self):
        for number, mailbox in enumerate((self.mailbox, self.second)):
            values = self._forged(sender=mailbox.email_address, folder="sent", mid=f"<s{number}@x>", email_to=VICTIM)
            (mail,) = self.store(values, mailbox=mailbox)
            self.assertEqual((mail.direction, mail.is_own), ("out", True))

    def test_a_forged_author_joins_no_conversation(self):
        question, other = self.store(
            {"mid": "<q1@client.com>", "sender": VICTIM},
            {"mid": "<q2@b.com>", "sender": "luc@b.com", "subject": "Table"},
        )
        for number, parent in enumerate((question, other)):
            (forged,) = self.store(
                self._forged(
                    mid=f"<f{number}@evil.example>", refs=(parent.message_id_header,), email_to=parent.from_address
                )
            )
            self.assertNotEqual(forged.conversation_id, parent.conversation_id)
        self.assertEqual(question.conversation_id.message_count, 1)

    def test_a_forged_mail_vouches_for_nobody(self):
        """Mail 1 "from us" to the victim fails; mail 2 "from the victim" answers it: they do not meet."""
        first, second = self.store(
            self._forged(mid="<one@evil.example>", email_to=OURS, email_cc=VICTIM, headers=FAILED),
            {"mid": "<two@evil.example>", "refs": ("<one@evil.example>",), "sender": VICTIM},
        )
        self.assertNotEqual(first.conversation_id, second.conversation_id)

    def test_a_forged_answer_answers_nothing(self):
        """It ends no waiting and counts as no response of ours."""
        (question,) = self.store({"mid": "<q@client.com>", "sender": VICTIM})
        self.store(self._forged(mid="<f@evil.example>", refs=("<q@client.com>",), email_to=VICTIM))
        self.assertFalse(question.conversation_id.first_response_date)
        self.assertEqual(question.conversation_id.last_direction, "in")


@tagged("post_install", "-at_install")
class TestTrustedValues(AiCase):
    IBAN = "FR7630006000011234567890189"

    def _reasons(self, message):
        type(self).answer = staticmethod(
            lambda messages: {"reply": f"Bonjour, notre IBAN est {self.IBAN}. Cordialement"}
        )
        self.think()
        return [reason[0] for reason in self.decision(message).gate_reasons or []]

    def test_history_that_we_quoted_lends_no_values(self):
        """The customer's own account stands in the history below our answer."""
        question = self.receive(f"Votre IBAN est bien {self.IBAN} ?")
        self.receive(
            f"Oui, nous répondons demain.\n\nLe 3 mars, Anna a écrit :\n> Votre IBAN est bien {self.IBAN} ?",
            sender=MAILBOX,
            folder="sent",
            email_to=CUSTOMER,
            conversation=question.conversation_id,
            seconds=1,
        )
        again = self.receive("Alors ?", conversation=question.conversation_id, seconds=2)
        self.assertEqual(again.conversation_id, question.conversation_id)
        self.assertTrue(self._reasons(again))

    def test_a_forged_mail_of_ours_lends_no_values(self):
        forged = self.receive(f"Notre IBAN : {self.IBAN}", sender=MAILBOX, headers="Subject: x")
        answer = self.receive("Merci, lequel ?", conversation=forged.conversation_id, seconds=1)
        self.assertTrue(self._reasons(answer))

    def test_characters_without_a_shape_hide_no_number(self):
        for char in "\u200d\ufe0f\u034f\u180b\u17b4\ufe00\u2060\u00ad\U000e0100":
            self.assertEqual(plain(char.join("FR7630006000011")), "FR7630006000011", ascii(char))
            if char not in "\u200d\ufe0f":
                self.assertTrue(hidden_characters(f"a{char}b"), ascii(char))
        self.assertEqual(plain("1\ufe0f\u20e32\ufe0f\u20e3"), "12")
