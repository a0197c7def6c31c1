import contextlib
import re
from email.message import EmailMessage

from odoo.tests import BaseCase, tagged

from lokario_testing.environments.winmail import file, tnef

from ..exceptions import UnreadableMail
from ..tools.mail_part import read_mail
from ..tools.mime_message import parse_mail, parse_structure
from .mailbox_common import MailboxCase
from .mime_corpus import CASES, mutations, ordinary

MUTATIONS = 2000


@tagged("post_install", "-at_install")
class TestMime(BaseCase):
    def test_corpus_reads_as_expected(self):
        self.assertGreaterEqual(len(CASES), 100)
        for name, raw, expected in CASES:
            with self.subTest(name=name):
                if expected.get("unreadable"):
                    with self.assertRaises(UnreadableMail):
                        parse_mail(raw)
                else:
                    self._check(parse_mail(raw), expected)

    def _check(self, mail, expected):
        if "text" in expected:
            self.assertIn(expected["text"], mail.body_text)
        if "not_text" in expected:
            self.assertNotIn(expected["not_text"], mail.body_text)
        if "html" in expected:
            self.assertIn(expected["html"], mail.body_html)
        if "not_html" in expected:
            self.assertNotIn(expected["not_html"], mail.body_html)
        if "files" in expected:
            self.assertEqual([part.name for part in mail.attachments], expected["files"])
        for name in ("subject", "from_address"):
            if name in expected:
                self.assertEqual(getattr(mail, name), expected[name])

    def test_the_quick_way_reads_what_the_other_reads(self):
        """Mails without parts are taken apart by ourselves: same fields, same payload, whatever is sent."""
        for number, raw in (*((name, raw) for name, raw, _expected in CASES), *mutations(500, seed=3)):
            with contextlib.suppress(RecursionError):
                ours, theirs = parse_structure(raw), read_mail(raw)
                self.assertEqual(list(ours.raw_items()), list(theirs.raw_items()), number)
                self.assertEqual(ours.is_multipart(), theirs.is_multipart(), number)
                if not ours.is_multipart():
                    self.assertEqual(ours._payload, theirs._payload, number)

    def test_files_of_a_winmail_dat_are_whole(self):
        """Byte by byte, zeros at their end included; each says where it lies."""
        content = bytes(range(256)) * 3 + b"\0\0\0"
        mail = EmailMessage()
        mail["From"], mail["Subject"] = "a@b.test", "Outlook"
        mail.set_content("voir")
        winmail = tnef(file("a.bin", content), file("b.txt", b"deux"))
        mail.add_attachment(winmail, maintype="application", subtype="ms-tnef", filename="winmail.dat")
        parts = parse_mail(mail.as_bytes()).attachments
        self.assertEqual(
            [(part.name, part.mimetype, part.content, part.part) for part in parts],
            [
                ("winmail.dat", "application/ms-tnef", winmail, "2"),
                ("a.bin", "application/octet-stream", content, "2#0"),
                ("b.txt", "text/plain", b"deux", "2#1"),
            ],
        )

    def test_nothing_unsafe_for_the_database_comes_out(self):
        bad = re.compile("[\x00\ud800-\udfff]")
        for number, raw in mutations(500, seed=2):
            try:
                mail = parse_mail(raw)
            except UnreadableMail:
                continue
            for name, value in vars(mail).items():
                if isinstance(value, str) and bad.search(value):
                    self.fail(f"mutation {number}: {name} holds {value!r}")


@tagged("post_install", "-at_install")
class TestHostileMailbox(MailboxCase):
    def test_everything_is_stored_or_quarantined_and_nothing_blocks(self):
        """The corpus and its mutations on a real server: all accounted for, every ordinary mail comes through."""
        box = self.box()
        hostile = [raw for _name, raw, _expected in CASES] + [raw for _number, raw in mutations(MUTATIONS)]
        raws = []
        for number, raw in enumerate(hostile):
            raws.append(raw or b"\r\n")
            if number % 20 == 0:
                raws.append(ordinary(number))
        self.fill(box.email_address, raws)
        self.sync(box)
        self.run_cron("backfill")
        self.assertEqual((box.state, box.last_sync_error, box.backfill_pending), ("connected", False, False))
        placed = self.env["inbox.message.location"].search_count([("integration_id", "=", box.id)])
        kept = self.env["inbox.quarantine"].search_count([("integration_id", "=", box.id)])
        self.assertEqual(placed + kept, len(raws))
        through = self.messages(box).filtered(lambda m: (m.subject or "").startswith("ordinary "))
        self.assertEqual(len(through), len([n for n in range(len(hostile)) if n % 20 == 0]))
