import base64
import email
import email.policy

from odoo.exceptions import AccessError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import new_test_user, tagged

from odoo.addons.lokario_mailbox.tests.outgoing_common import MAILBOX

from .outgoing_common import OutgoingCase


@tagged("post_install", "-at_install")
class TestNeutralizedCopy(OutgoingCase):
    def test_a_neutralized_copy_sends_nothing(self):
        mail = self.draft()
        mail.action_send()
        self.env.flush_all()
        for query in get_neutralization_queries(["lokario_mailbox", "lokario_inbox"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.run_cron(self.cron_send, seconds=60)
        self.assertEqual((mail.state, self.sink.deliveries()), ("cancelled", []))


@tagged("post_install", "-at_install")
class TestWriting(OutgoingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        group = "lokario_inbox.group_lokario_inbox_user"
        cls.ann = new_test_user(cls.env, "ann", groups=group, name="Ann")
        cls.bob = new_test_user(cls.env, "bob", groups=group, name="Bob")
        cls.conversation = cls.env["inbox.conversation"].create(
            {"integration_id": cls.integration.id, "subject": "Devis"}
        )
        cls.message = cls.env["inbox.message"].create(
            {
                "company_id": cls.integration.company_id.id,
                "integration_id": cls.integration.id,
                "identity": "w1",
                "direction": "in",
                "conversation_id": cls.conversation.id,
                "subject": "Devis",
                "message_id_header": "<w1@client.example>",
                "email_from": "Anne <anne@client.example>",
                "from_address": "anne@client.example",
                "email_to": f"{MAILBOX}, Paul <paul@client.example>",
                "email_cc": "Luc <luc@client.example>",
                "body_text": "Bonjour",
                "headers": "Thread-Index: AdyqJyQT4SNiBOlqvEh7vCyEhRwdBA==\n",
                "references": "<w0@client.example>",
            }
        )

    def _compose(self, user, kind="reply"):
        draft = self.conversation.with_user(user).action_compose(kind)
        return self.env["inbox.outgoing"].with_user(user).browse(draft)

    def test_recipients_of_each_kind(self):
        self.assertEqual(self._compose(self.ann).email_to, "Anne <anne@client.example>")
        everybody = self._compose(self.ann, "reply_all")
        self.assertEqual(everybody.email_cc, "Paul <paul@client.example>, Luc <luc@client.example>")
        forward = self._compose(self.ann, "forward")
        self.assertEqual((forward.email_to, forward.subject), ("", "Fwd: Devis"))
        self.assertEqual(self._compose(self.ann), self._compose(self.ann), "one draft a person and kind")

    def _original_file(self, name, **values):
        common = {"integration_id": self.integration.id, "message_id": self.message.id, "mimetype": "application/pdf"}
        return self.env["inbox.attachment"].create({**common, "name": name, **values})

    def test_a_forwarded_mail_takes_its_files_along(self):
        self._original_file("devis.pdf", content=base64.b64encode(b"%PDF-1.4 devis"))
        self._original_file("parti.pdf")  # too large to be kept, and the mailbox no longer has the mail
        forward = self._compose(self.ann, "forward")
        self.assertEqual(forward.attachment_ids.mapped("name"), ["devis.pdf"])
        self.env.cr.precommit.run()  # the bus speaks when the request ends
        told = self.env["bus.bus"].search([]).filtered(lambda item: "simple_notification" in item.message)
        self.assertIn("parti.pdf", str(told.mapped("message")))
        self.assertFalse(self._compose(self.ann, "reply").attachment_ids)
        forward.email_to = "paul@client.example"
        forward.action_send()
        self.run_cron(self.cron_send, seconds=11)
        sent = email.message_from_string(self.sink.deliveries()[0].raw, policy=email.policy.default)
        (file,) = sent.iter_attachments()
        self.assertEqual((file.get_filename(), file.get_content()), ("devis.pdf", b"%PDF-1.4 devis"))

    def test_pictures_of_the_quoted_mail_are_shown_to_its_reader(self):
        picture = base64.b64encode(b"\x89PNG\r\n\x1a\nlogo")
        self._original_file("logo.png", mimetype="image/png", content=picture, content_id="<logo@x>", is_inline=True)
        self.message.body_html = '<p>Bonjour <img src="cid:logo@x"/> <img src="cid:gone@x"/></p>'
        draft = self._compose(self.ann)
        draft.body_html = "<p>Voici.</p>"
        draft.action_send()
        self.run_cron(self.cron_send, seconds=11)
        sent = email.message_from_string(self.sink.deliveries()[0].raw, policy=email.policy.default)
        html = sent.get_body(("html",)).get_content()
        (part,) = [part for part in sent.walk() if part.get_content_type() == "image/png"]
        self.assertIn(f'src="cid:{part["Content-ID"].strip("<>")}"', html)
        self.assertNotIn("gone@x", html)

    def test_an_answer_carries_the_thread(self):
        draft = self._compose(self.ann)
        draft.body_html = "<p>Voici.</p>"
        draft.action_send()
        self.run_cron(self.cron_send, seconds=11)
        raw = self.sink.deliveries()[0].raw
        self.assertIn("References: <w0@client.example>\r\n <w1@client.example>", raw)
        self.assertIn("Thread-Index: AdyqJyQT4SNiBOlqvEh7vCyEhRwd", raw)
        self.assertIn("blockquote", raw)

    def test_colleagues_are_warned(self):
        mine, hers = self._compose(self.bob), self._compose(self.ann)
        found = self.conversation.with_user(self.bob).get_collisions(mine.id)
        self.assertEqual(found, {"writing": ["Ann"], "answered_by": []})
        hers.body_html = "<p>Voici.</p>"
        hers.action_send()
        found = self.conversation.with_user(self.bob).get_collisions(mine.id)
        self.assertEqual(found, {"writing": [], "answered_by": ["Ann"]})

    def test_a_draft_is_its_authors(self):
        hers = self._compose(self.ann)
        with self.assertRaises(AccessError):
            hers.with_user(self.bob).read(["body_html"])
        with self.assertRaises(AccessError):
            hers.with_user(self.bob).action_send()

    def test_another_company_neither_reads_nor_sends(self):
        other = self.env["res.company"].create({"name": "Other"})
        eve = new_test_user(
            self.env,
            "eve",
            groups="lokario_inbox.group_lokario_inbox_manager",
            company_id=other.id,
            company_ids=[(6, 0, other.ids)],
        )
        with self.assertRaises(AccessError):
            self.conversation.with_user(eve).action_compose("reply")
        with self.assertRaises(AccessError):
            self.env["inbox.outgoing"].with_user(eve).create(
                {"integration_id": self.integration.id, "email_to": "x@y.example"}
            )

    def test_canned_answers_are_filled_and_evaluate_nothing(self):
        self.conversation.partner_id = self.env["res.partner"].create({"name": "Anne"})
        self.env["inbox.canned.answer"].create(
            {"name": "Horaires", "shortcut": "h", "body_html": "<p>Bonjour {{customer}} {{ object }} {{user}}</p>"}
        )
        (found,) = self.env["inbox.canned.answer"].with_user(self.ann).search_for(self.conversation.id, "hor")
        self.assertEqual(str(found["body"]), "<p>Bonjour Anne {{ object }} Ann</p>")
