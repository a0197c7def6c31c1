"""What is ours is decided by our outbox and the Sent folder: a From with our own address proves nothing."""

from odoo.tests import tagged

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
            self.assertEqual((mail.direction, mail.is_own), ("in", False))
            self.assertFalse(mail.partner_id)
            self.assertEqual(mail.conversation_id.last_direction, "in")
            self.assertFalse(mail.conversation_id.partner_id)

    def test_the_same_mail_in_sent_is_ours(self):
        for number, mailbox in enumerate((self.mailbox, self.second)):
            values = self._forged(sender=mailbox.email_address, folder="sent", mid=f"<s{number}@x>", email_to=VICTIM)
            (mail,) = self.store(values, mailbox=mailbox)
            self.assertEqual((mail.direction, mail.is_own), ("out", True))

    def test_our_mail_in_an_archive_is_ours_unless_a_server_received_it(self):
        for mailbox in (self.mailbox, self.second):
            folders = {"archive": "archive", "Clients/2026": False}
            for path, use in folders.items():
                values = {"path": path, "name": path, "special_use": use, "integration_id": mailbox.id}
                self.env["inbox.folder"].create(values)
            values = self._forged(sender=mailbox.email_address, email_to=VICTIM)
            for folder in (*folders.values(), "inbox", "junk"):
                for number, (headers, ours) in enumerate(
                    (
                        ("Subject: x\nX-Received-By: y", folder not in ("inbox", "junk")),
                        (
                            "Subject: x\nReceived: from evil.example by mx.atelier.fr; Sun, 1 Nov 2026 10:00:00 +0100",
                            False,
                        ),
                        ("Return-Path: <x@evil.example>\nSubject: x", False),
                        ("Delivered-To : contact@atelier.fr\nSubject: x", False),
                    )
                ):
                    mid = f"<a{number}-{folder}-{mailbox.id}@x>"
                    (mail,) = self.store({**values, "folder": folder, "headers": headers, "mid": mid}, mailbox=mailbox)
                    self.assertEqual((mail.direction, mail.is_own), ("out" if ours else "in", ours), (folder, headers))

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
