"""Servers that talk to people, name things oddly and refuse single mails: the good mails of every mailbox come."""

import contextlib
import re
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from odoo.tests import BaseCase, tagged

from lokario_testing.environments.imap_proxy import ImapProxy
from odoo.addons.lokario_mailbox.exceptions import ConnectionEnded
from odoo.addons.lokario_mailbox.tests.mailbox_common import make_mail
from odoo.addons.lokario_mailbox.tools.imap_session import ImapSession

from ..exceptions import UnreadableMail
from ..tools import charsets, sync_account
from ..tools.body_structure import tree
from ..tools.mime_message import parse_mail
from ..tools.mime_parts import leaves
from ..tools.mime_text import decode_bytes, decode_field, decode_transfer
from .mailbox_common import MailboxCase

TALK = [
    b"* OK [ALERT] 1) Please renew (soon\r\n",
    b'* NO Half a "quotation\r\n',
    b"* OK [PERMANENTFLAGS ([css3-page] devis])] Limited\r\n",
    b"* 1 FETCH (FLAGS ([keyword devis] \\Seen))\r\n",
    b"* 1 FETCH (FLAGS (\\Seen\r\n",
    b"* 77 FETCH UID 5)\r\n",
    b"* VANISHED nonsense )\r\n",
]


def talkative(_connection, unit):
    """Says something odd before every tagged answer of a command that comes after the login."""
    return [*TALK, unit] if re.match(rb"L[2-9]\d* ", unit) else [unit]


def refusing(*subjects):
    """A server that cannot deliver some mails and says NO to every command that asks for one of them."""

    def change(connection, unit):
        if b"BODY[]" in unit[:200] and any(subject.encode() in unit for subject in subjects):
            connection.held.append(1)
            return []
        if connection.held and re.match(rb"L\d+ OK", unit):
            connection.held.clear()
            return [unit.split(b" ")[0] + b" NO [SERVERBUG] Internal error, ask us\r\n"]
        return [unit]

    return change


@tagged("post_install", "-at_install")
class TestOddServers(MailboxCase):
    def boxes(self, port):
        self._allow_hosts(self.env, f"127.0.0.1:{port}")
        found = self.env["inbox.integration"]
        for name in ("contact", "ventes"):
            box = self.box(f"{name}@mail.test", imap_port=port)
            self.append(self.imap(box.email_address), [make_mail(number) for number in range(6)])
            found |= box
        return found

    def test_what_a_server_says_to_people_is_no_data(self):
        with ImapProxy(self.environment.imap_port, talkative) as proxy, self.assertLogs(level="WARNING"):
            boxes = self.boxes(proxy.port)
            for _turn in range(2):
                boxes.next_sync_at = False
                self.sync(boxes[0])
        for box in boxes:
            self.assertEqual((box.state, box.last_sync_error), ("connected", False))
            self.assertEqual(self.subjects(box), [f"Question {number}" for number in range(6)])

    def test_a_mail_the_server_refuses_goes_to_quarantine(self):
        with ImapProxy(self.environment.imap_port, refusing("Question 2", "Question 5")) as proxy:
            boxes = self.boxes(proxy.port)
            boxes.next_sync_at = False
            self.sync(boxes[0])
        for box in boxes:
            self.assertEqual(self.subjects(box), [f"Question {number}" for number in (0, 1, 3, 4)])
            kept = self.env["inbox.quarantine"].search([("integration_id", "=", box.id)])
            self.assertEqual(len(kept), 2)
            self.assertTrue(all("Internal error" in reason for reason in kept.mapped("reason")))
            self.env["res.lang"]._activate_lang("fr_FR")
            french = kept.with_context(lang="fr_FR").mapped("explanation")
            self.assertTrue(all(words.startswith("Le serveur annonce cet e-mail") for words in french), french)
            self.assertEqual(box.quarantine_count, 2)
            self.assertEqual(box.state, "connected")

    def test_folders_of_any_name(self):
        box = self.box()
        client = self.imap()
        names = ("NIL", "Devis &AOk-t&AOk-", "&broken", "a]b", "{7}")
        for name in names:
            client.create(f'"{name}"')
        self.append(client, [make_mail(1)], folder='"NIL"')
        box.next_sync_at = False
        self.sync(box)
        self.sync(box)
        self.assertEqual(box.state, "connected")
        self.assertIn("Question 1", self.subjects(box))
        self.assertIn("Devis été", box.folder_ids.mapped("name"))

    def test_a_fault_of_ours_is_no_success(self):
        """The mailbox whose synchronisation crashed says so; the other one is synchronised."""
        boxes = self.boxes(self.environment.imap_port)
        work = sync_account._work

        async def crashing(session, plan, statuses, emit):
            if plan.id == boxes[0].id:
                raise ZeroDivisionError("oops")
            return await work(session, plan, statuses, emit)

        boxes.next_sync_at = False
        with patch.object(sync_account, "_work", crashing), self.assertLogs("odoo.addons.lokario_inbox", "ERROR"):
            self.sync(boxes[1])
        self.assertEqual(boxes.mapped("state"), ["error", "connected"])
        self.assertIn("ZeroDivisionError", boxes[0].last_sync_error)


@tagged("post_install", "-at_install")
class TestAnyBytes(BaseCase):
    """Nothing that a stranger can send raises an error that nobody expects."""

    labels = st.one_of(
        st.none(),
        st.text(max_size=20),
        st.sampled_from(["utf-8", "iso-2022-jp", "big5", "gb2312", "x-mac-roman", "utf-16", "hz", "rot13", "utf-7"]),
    )

    @settings(max_examples=500, deadline=None)
    @given(st.binary(max_size=200), labels)
    def test_any_bytes_of_any_charset(self, data, label):
        text = decode_bytes(data, label)
        text.encode()  # no lone surrogate
        self.assertNotIn("\0", text)

    @settings(max_examples=500, deadline=None)
    @given(st.text(alphabet=st.sampled_from("=?utf8QqBb_iso-1*'\r\n\t \"<>@é\udce9AZ09+/\0"), max_size=120))
    def test_any_field(self, text):
        found = decode_field(text)
        found.encode()
        self.assertNotRegex(found, "[\r\n\0]")

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=200), st.text(max_size=20))
    def test_any_transfer_encoding(self, data, encoding):
        for name in (encoding, "base64", "quoted-printable", "x-uuencode", "BASE64 (as said)"):
            self.assertIsInstance(decode_transfer(data, name), bytes)

    @settings(max_examples=300, deadline=None)
    @given(
        st.text(alphabet="aéàçöß 日本語", min_size=20, max_size=60), st.integers(0, 400), st.sampled_from([255, 192])
    )
    def test_one_bad_byte_costs_one_character(self, text, place, bad):
        data = text.encode()
        place = len(text[: place % len(text)].encode())
        found = charsets.decode(data[:place] + bytes([bad]) + data[place:], "utf-8")
        if not text.isascii() and len(text) - len(text.encode("ascii", "ignore")) > 3:
            self.assertEqual(found.replace("\ufffd", ""), text)

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=300).map(lambda data: data.replace(b"\r", b"").replace(b"\n", b"")))
    def test_any_response(self, line):
        session = ImapSession(None, None, None)
        session._waiting[b"L1"] = []
        with patch("odoo.addons.lokario_mailbox.tools.imap_session._logger"):
            for start in (b"* ", b"* 1 FETCH ", b"* LIST ", b"* OK "):
                try:
                    session._take_untagged(start + line, [])
                except ConnectionEnded:
                    self.assertEqual(line[:3].upper(), b"BYE")

    @settings(max_examples=300, deadline=None)
    @given(st.recursive(st.one_of(st.none(), st.binary(max_size=9)), lambda inner: st.lists(inner, max_size=9)))
    def test_any_structure(self, structure):
        with contextlib.suppress(ValueError):
            for part, number, _alternative in leaves(tree(structure)):
                self.assertIsInstance(part.media_type + part.parameter("filename", "content-disposition") + number, str)

    @settings(max_examples=300, deadline=None)
    @given(
        st.lists(
            st.sampled_from(
                [b"From: a@b.c", b"To : x", b"Subject: =?utf-8?b?4?=", b"Content-Type: multipart/mixed; boundary=b",
                 b"Content-Type: text/html charset=utf-16", b"Content-Type: message/rfc822", b"--b", b"--b--", b"",
                 b"Content-Transfer-Encoding: base64 (x)", b"Content-Disposition: inline; filename*=x''%E9%", b"=E9= ",
                 b"Date: Mon, 99 Foo", b"Message-ID: <[x]@", b"begin 644 x", b"\xff\xfe\x00", b"<p>\x1b$B$3"]
            ),
            max_size=30,
        )
    )  # fmt: skip
    def test_any_mail(self, lines):
        with contextlib.suppress(UnreadableMail):
            parse_mail(b"\r\n".join(lines))
