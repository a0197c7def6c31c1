import base64
import email
import email.policy
import tempfile
from pathlib import Path

from imapclient import IMAPClient
from odoo.tests import BaseCase, tagged

from lokario_testing.environments.mail import MailEnvironment

from ..tools.mime_builder import BadAddress, OutgoingMail, build, chain, thread_index
from .mime_cases import CLIENT, SHOP, START, cases, mail_id

GOLDEN = Path(__file__).parent / "data" / "mime"


@tagged("post_install", "-at_install")
class TestMimeBuilder(BaseCase):
    def test_output_is_the_golden_files(self):
        for name, mail in cases().items():
            with self.subTest(name=name):
                self.assertEqual(build(mail), (GOLDEN / f"{name}.eml").read_bytes())

    def test_every_line_is_short_and_every_header_reads_back(self):
        for name, mail in cases().items():
            raw = build(mail)
            parsed = email.message_from_bytes(raw, policy=email.policy.default)
            with self.subTest(name=name):
                self.assertTrue(all(len(line) <= 998 for line in raw.split(b"\r\n")))
                self.assertNotIn(b"\n", raw.replace(b"\r\n", b""))
                self.assertEqual(parsed["Message-ID"], mail.message_id)
                self.assertEqual(" ".join((parsed["References"] or "").split()), " ".join(mail.references))
                self.assertFalse(parsed.defects)
                self.assertIsNone(parsed["Bcc"])
                self.assertIsNone(parsed["X-Evil"], "a line end in a subject or a name makes no header")

    def test_texts_and_files_survive_unchanged(self):
        parsed = email.message_from_bytes(build(cases()["attachments"]), policy=email.policy.default)
        pdf, eml = parsed.iter_attachments()
        self.assertEqual(pdf.get_filename(), "Conditions générales d'été.pdf")
        self.assertEqual(pdf.get_content(), b"%PDF-1.4 \x00\xff" * 20)
        self.assertEqual(eml.get_content_type(), "application/octet-stream")
        self.assertEqual([str(item) for item in parsed["Cc"].addresses][1], '"Équipe, Ventes" <ventes@client.example>')
        unicode = email.message_from_bytes(build(cases()["unicode"]), policy=email.policy.default)
        self.assertEqual(unicode.get_body(("plain",)).get_content().strip(), "日本語 العربية 😀")
        self.assertTrue(unicode["Subject"].startswith("Re: 見積書 – très longue ligne"))
        self.assertEqual(unicode["To"].addresses[0].addr_spec, "yamada@xn--bcher-kva.example")

    def test_bad_addresses_are_refused(self):
        for address in (
            "a b@c.example",
            "no-at",
            "é@c.example",
            "a@b.example, c@d.example",
            "a@b>c.example",
            "@x",
            "x@",
        ):
            mail = OutgoingMail(mail_id("bad"), SHOP, (("", address),), "s", "t", "<p>t</p>", START)
            with self.subTest(address=address), self.assertRaises(BadAddress):
                build(mail)

    def test_the_chain_of_references(self):
        self.assertEqual(chain(("<a@x>", "<b@x>"), "<c@x>"), ("<a@x>", "<b@x>", "<c@x>"))
        self.assertEqual(chain((), "<c@x>", "<b@x>"), ("<b@x>", "<c@x>"))
        self.assertEqual(chain((), "<c@x>"), ("<c@x>",))
        self.assertEqual(chain(("<c@x>", "<b@x>"), "<c@x>"), ("<b@x>", "<c@x>"))
        long = chain(tuple(f"<{index}@x>" for index in range(500)), "<last@x>")
        self.assertEqual((len(long), long[0], long[-1]), (200, "<0@x>", "<last@x>"))

    def test_thread_index_grows_by_one_block(self):
        first = thread_index("", "seed", START)
        self.assertEqual(len(base64.b64decode(first)), 22)
        child = base64.b64decode(thread_index(first, "", START.replace(day=3)))
        self.assertEqual((len(child), child[:22]), (27, base64.b64decode(first)))
        elapsed = int.from_bytes(child[22:26], "big") << 18  # 100 ns steps
        self.assertAlmostEqual(elapsed / 10_000_000, 86400, delta=1)
        self.assertEqual(len(base64.b64decode(thread_index("not base64!", "seed", START))), 22)


@tagged("post_install", "-at_install")
class TestServerSideThread(BaseCase):
    def test_dovecot_groups_the_conversation(self):
        """All golden mails and the customer's answer to each are one THREAD=REFERENCES thread."""
        with tempfile.TemporaryDirectory() as folder, MailEnvironment(Path(folder) / "environment") as environment:
            Path(folder).chmod(0o755)  # Dovecot reads as another user
            environment.add_user("contact@alpha.example", "pw")
            for name, mail in cases().items():
                environment.deliver("contact@alpha.example", build(mail))
                reply = OutgoingMail(
                    mail_id(f"re-{name}"),
                    CLIENT,
                    (SHOP,),
                    f"Re: {mail.subject}",
                    "Oui",
                    "<p>Oui</p>",
                    mail.date,
                    in_reply_to=mail.message_id,
                    references=chain(mail.references, mail.message_id),
                )
                environment.deliver("contact@alpha.example", build(reply))
            other = OutgoingMail(mail_id("other"), CLIENT, (SHOP,), "Autre sujet", "x", "<p>x</p>", START)
            environment.deliver("contact@alpha.example", build(other))
            with IMAPClient("127.0.0.1", environment.imap_port, ssl=False) as client:
                client.login("contact@alpha.example", "pw")
                client.select_folder("INBOX", readonly=True)
                threads = client.thread("REFERENCES")
        self.assertEqual(sorted(len(_flat(thread)) for thread in threads), [1, 2 * len(cases())])


def _flat(thread):
    return [number for item in thread for number in (_flat(item) if isinstance(item, tuple) else [item])]
