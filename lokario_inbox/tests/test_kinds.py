"""Kinds of mail that other programs were reported to read, or write, wrongly: properties and right values."""

import re
from base64 import b64encode
from datetime import datetime
from email import message_from_bytes, policy

from asn1crypto import cms
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar
from odoo.tests import BaseCase, tagged

from odoo.addons.lokario_mailbox.tools import smtp_retry

from ..tools import mime_builder, rule_match
from ..tools.authentication import authentication_verdict
from ..tools.body_structure import tree
from ..tools.charsets import decode
from ..tools.flowed_text import unflowed
from ..tools.invitation import answer_invitation, read_invitation
from ..tools.loop_guard import refusal
from ..tools.mail_addresses import addresses, joined, pairs
from ..tools.mail_part import read_field, read_mail
from ..tools.mime_html import beginning, sanitise
from ..tools.mime_message import parse_mail
from ..tools.mime_parts import body_kind, leaves
from ..tools.mime_text import decode_field
from ..tools.protection import protection
from .mime_corpus import CASES, uu_file

NAMES = st.text(
    alphabet=st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="\u0085\ufffe\uffff"),
    min_size=1,
    max_size=40,
).map(lambda name: " ".join(name.split()))
MOMENT = datetime(2026, 11, 29, 10)
CALENDAR_LINES = [
    *(b"BEGIN:VEVENT", b"END:VEVENT", b"DTSTART;TZID=x:20260110T090000", b"\xff;:=", b"BEGIN:VTIMEZONE", b"SUMMARY:x"),
    *(b"DTSTART;VALUE=DATE:2026", b"ATTENDEE;CN=:", b"END:VCALENDAR", b" x"),
]
VICTIM, SENDER = "anna@client.example", "mallory@evil.example"


def described_by_a_server(part):
    """The BODYSTRUCTURE of a part (RFC 9051 7.5.2), parsed."""
    value, parameters = read_field(part.raw_field("content-type"))
    kind, _slash, subtype = part.media_type.partition("/")
    if part.children is not None and kind == "multipart":
        return [*map(described_by_a_server, part.children), subtype.encode(), None]
    _value, details = read_field(part.raw_field("content-disposition"))
    names = [part.disposition.encode("utf-8", "surrogateescape") or b"inline", pairs_of(details)]
    size = b"%d" % len(part.payload_bytes)
    head = [kind.encode(), subtype.encode(), pairs_of(parameters if value else {})]
    return [
        *head,
        part.raw_field("content-id").encode("utf-8", "surrogateescape"),
        None,
        part.encoding.encode(),
        size,
        None,
        names,
    ]


def pairs_of(parameters):
    return [text.encode("utf-8", "surrogateescape") for pair in parameters.items() for text in pair] or None


def what_is_read(message):
    parts = [(part, number) for part, number, _alternative in leaves(message) if "#" not in number]
    return [
        (number, part.media_type, body_kind(part), part.parameter("filename", "content-disposition"), part.encoding)
        for part, number in parts
    ]


@tagged("post_install", "-at_install")
class TestPeople(BaseCase):
    """The address of a person is what stands in the last angle brackets, whatever the name says."""

    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.tuples(NAMES, st.sampled_from([SENDER, "b@b.fr", "c+d@sub.example"])), min_size=1, max_size=4))
    def test_what_is_stored_reads_the_same_again(self, people):
        people = [(decode_field(name), address) for name, address in people]
        self.assertEqual(pairs(joined(people)), people)

    @settings(max_examples=300, deadline=None)
    @given(NAMES, st.sampled_from(["{0}", '"{0}"', "({0})", "=?utf-8?q?{1}?=", '{0} "{0}"', "{0},", "(({0}) x)"]))
    def test_no_name_is_an_address(self, name, shape):
        encoded = "".join(f"={byte:02X}" for byte in VICTIM.encode())
        for inside in (VICTIM, f"{VICTIM} {name}".replace("<", "").replace(">", "")):
            plain = "".join(char for char in inside if char not in '"()\\,;:<>[]')
            header = f"{shape.format(plain, encoded)} <{SENDER}>"
            self.assertEqual(addresses(header)[-1:], [SENDER], header)
            self.assertNotIn(VICTIM, addresses(header)[-1])

    def test_spellings(self):
        for header, expected in (
            ("=?utf-8?Q?Martin=2C_Paul?= <paul@c.fr>, luc@c.fr", [("Martin, Paul", "paul@c.fr"), ("", "luc@c.fr")]),
            ('"Martin, Paul" <paul@c.fr>', [("Martin, Paul", "paul@c.fr")]),
            ("Martin, Paul <paul@c.fr>", [("Martin, Paul", "paul@c.fr")]),
            ("paul@c.fr (Paul)", [("Paul", "paul@c.fr")]),
            ("Équipe: a@c.fr, Luc <b@c.fr>; d@c.fr", [("", "a@c.fr"), ("Luc", "b@c.fr"), ("", "d@c.fr")]),
            ("undisclosed-recipients:;", []),
            ("<@relay.fr:paul@c.fr>", [("", "paul@c.fr")]),
            ("=?utf-8?q?Paul_=3Cpaul=40c.fr=3E?=", [("Paul", "paul@c.fr")]),
            ("Paul <mailto:paul@c.fr>, <luc@c.fr>.", [("Paul", "paul@c.fr"), (".", "luc@c.fr")]),
            ("Paul [mailto:paul@c.fr], luc@c.fr., a @ c.fr", [("", "paul@c.fr"), ("", "luc@c.fr"), ("", "a@c.fr")]),
            ('<"p m"@c.fr>, <p@[192.0.2.1]>', [("", '"p m"@c.fr'), ("", "p@[192.0.2.1]")]),
            ("paul\0@c.fr", [("", "paul@c.fr")]),
            (f"<{SENDER}> (=?utf-8?q?=29_anna=40client=2Eexample?=)", [("", SENDER)]),
        ):
            self.assertEqual(pairs(header), expected, header)

    def test_rules_look_at_addresses(self):
        mail = rule_match.RuleMail(sender=f'"compta@banque.example" <{SENDER}>', recipient='"a@b.fr" <c@d.fr>')
        for field, operator, value in (
            ("sender", "equals", "compta@banque.example"),
            ("sender", "matches_domain", "banque.example"),
            ("recipient", "matches_domain", "b.fr"),
        ):
            self.assertFalse(rule_match.matches([rule_match.Condition(field, operator, value)], mail, match_all=True))
        for field, value in (("sender", "evil.example"), ("recipient", "d.fr")):
            condition = rule_match.Condition(field, "matches_domain", value)
            self.assertTrue(rule_match.matches([condition], mail, match_all=True))

    def test_verdicts_are_read_by_their_grammar(self):
        trusted = ("mx.google.com",)
        for field, verdict in (
            (f"mx.google.com; dkim=pass header.d={'client.example'}", "pass"),
            ('mx.google.com; spf=pass smtp.mailfrom="a dkim=pass header.d=client.example"@evil.example', "none"),
            ("mx.google.com; spf=none (dkim=pass header.d=client.example)", "none"),
            ("mx.google.com; spf=none (a (b) ; dkim=pass header.d=client.example)", "none"),
            ("mx.evil.example; dkim=pass header.d=client.example", "none"),
            ("mx.google.com; dkim=fail header.d=x.fr; dkim=pass (ok) header.d=client.example", "pass"),
            ("mx.google.com 1; dmarc=fail header.from=client.example; dkim=pass header.d=client.example", "fail"),
            ('mx.google.com; dkim=pass reason="header.d=client.example" header.d=evil.example', "none"),
        ):
            self.assertEqual(
                authentication_verdict(f"Authentication-Results: {field}\n", VICTIM, trusted), verdict, field
            )
        headers = "Authentication-Results: dkim=pass header.d=client.example;dmarc=pass header.from=client.example\n"
        microsoft = ("protection.outlook.com", "outlook.com")
        self.assertEqual(authentication_verdict(headers, VICTIM, microsoft), "pass")
        self.assertEqual(authentication_verdict(headers, VICTIM, trusted), "none")
        self.assertEqual(
            authentication_verdict("Authentication-Results: spf=none\n" + headers, VICTIM, microsoft), "none"
        )

    def test_robots(self):
        ours = ("To", "contact@ours.fr")
        for mark in (
            ("Subject", "=?utf-8?Q?R=C3=A9ponse_automatique?="),
            ("X-Auto-Reply", "yes"),
            ("X-Precedence", "bulk"),
            ("Delivered-To", "autoresponder@c.fr"),
        ):
            self.assertTrue(refusal([("From", "a@c.fr"), ours, mark], {"contact@ours.fr"}), mark)
        self.assertFalse(refusal([("From", "a@c.fr"), ours, ("Subject", "Devis")], {"contact@ours.fr"}))


@tagged("post_install", "-at_install")
class TestText(BaseCase):
    def test_the_newest_of_many_references_stay(self):
        ids = [f"<{number}.{'x' * 40}@c.fr>" for number in range(2000)]
        kept = parse_mail(f"References: {' '.join(ids)}\r\n\r\n".encode()).references.split()
        self.assertEqual(kept, ids[-len(kept) :])
        self.assertGreater(len(kept), 200)

    def test_words_of_headers(self):
        for value, expected in (
            ("Devis de la\r\n =?utf-8?q?s=C3=A9rie?= 12", "Devis de la série 12"),
            ("=?utf-8?b?w6k=?= =?utf-8?b?dMOp?=", "été"),
            ("=?utf-8?b?w6l0?==?utf-8?b?w6k=?=", "été"),
            ("=?utf-8?b?4?= reste", "reste"),
            ("=?x-nothing?q?=E9t=E9?=", "été"),
            ("=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "日本"),
        ):
            self.assertEqual(decode_field(value)[-len(expected) :], expected, value)

    def test_charsets(self):
        for data, label, expected in (
            ("été à ".encode() + b"\xff" + "Noël".encode(), "utf-8", "été à \ufffdNoël"),
            ("été".encode("cp1252"), "utf-8", "été"),
            ("été".encode("cp1252"), None, "été"),
            ("“devis”".encode("cp1252"), "iso-8859-1", "“devis”"),
            ("한글 똠".encode("cp949"), "ks_c_5601-1987", "한글 똠"),
            ("①日本".encode("cp932"), "shift_jis", "①日本"),
            (b"\x1b$B-!F|K\\\x1b(B", "iso-2022-jp", "①日本"),
            (b"\x1b$BF|K\\\x1b(B", None, "日本"),
            ("Привет".encode("koi8-r"), "KOI8-R", "Привет"),
            (b"\xef\xbb\xbf" + "été".encode(), "iso-8859-1", "été"),
            ("été".encode("utf-16"), "utf-8", "été"),
            (b"\xed\xa0\xbd\xed\xb8\x80 caf\xc3\xa9", "utf-8", "😀 café"),
        ):
            self.assertEqual(decode(data, label), expected, (data, label))

    def test_bodies(self):
        page = '<html><head><meta charset="windows-1251"></head><p>Привет</p>'.encode("cp1251")
        for content_type, encoding, body, expected in (
            (b"text/html", b"8bit", page, "Привет"),
            (b"text/html charset=utf-8", b"8bit", "<p>été</p>".encode(), "été"),
            (b"text/plain; charset=utf-8", b"quoted-printable (as usual)", b"=C3=A9t= \t\r\n=C3=A9", "été"),
            (b"text/plain (words); charset=utf-8", b"BASE64 ", b"w6l0w6k=", "été"),
        ):
            raw = b"From : a@b.fr\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n%s"
            mail = parse_mail(raw % (content_type, encoding, body))
            self.assertEqual((mail.body_text.strip(), mail.attachments), (expected, ()), content_type)
            self.assertEqual(mail.from_address, "a@b.fr")

    def test_fields_as_mailers_write_them(self):
        """Types and encodings with comments, quotes, blanks, aliases; parameters in any spelling."""
        for content_type, encoding, body, expected in (
            ("(c) text/html (x); charset=utf-8", "8bit", "<b>é</b>", "é"),
            ('"text/html"; charset=utf-8', "8bit", "<b>é</b>", "é"),
            ("text / html ; charset = utf-8", "8bit", "<b>é</b>", "é"),
            ("html", "8bit", "<b>x</b>", "x"),
            ("text/markdown", "8bit", "# x", "# x"),
            ("text/enriched", "8bit", "<bold>x</bold>", "x"),
            ("application/xhtml+xml", "8bit", "<p>x</p>", "x"),
            ("text/plain; charset=utf-8 format=flowed delsp=yes", "8bit", "a \r\nb", "ab"),
            ("text/plain", "(c) base64 (x)", "w6k=", "é"),
            ("text/plain", '"quoted printable"', "h=C3=A9", "hé"),
            ("multipart/mixed; boundary=B (x)", "", "--B\r\n\r\nin\r\n--B--", "in"),
            ("multipart/mixed", "", "--B\r\n\r\nin\r\n--B--", "in"),
            ("multipart/mixed; boundary=B", "base64", b64encode(b"--B\r\n\r\nin\r\n--B--").decode(), "in"),
        ):
            raw = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}"
            mail = parse_mail(raw.encode())
            self.assertEqual((mail.body_text.strip(), mail.attachments), (expected, ()), content_type + encoding)
        for before in ("\ufeff", "From a@b.fr Mon Mar  2 2026\r\n", ">From a@b.fr Mon\r\n"):
            self.assertEqual(parse_mail(f"{before}Subject: x\r\n\r\ny".encode()).subject, "x")

    def test_alternatives_for_other_programs_are_no_files(self):
        parts = [("text/plain", "words"), ("text/x-amp-html", "<html amp4email>"), ("text/html", "<p>words</p>")]
        body = "".join(f"--B\r\nContent-Type: {kind}\r\n\r\n{text}\r\n" for kind, text in parts)
        mail = parse_mail(f"Content-Type: multipart/alternative; boundary=B\r\n\r\n{body}--B--".encode())
        self.assertEqual((mail.body_text, mail.attachments), ("words", ()))

    def test_an_attached_mail_keeps_its_bytes(self):
        for inner in (b"Subject:  two  blanks\r\n\r\nFrom here\r\n", b"X: y\n\nunix\n", b"no header at all"):
            raw = b"Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n%s\r\n--B--"
            inner = b"Content-Type: message/rfc822\r\n\r\n" + inner
            self.assertEqual(parse_mail(raw % inner).attachments[0].content, inner.partition(b"\r\n\r\n")[2])

    def test_a_big_mail_is_read_as_a_small_one(self):
        """By the server's description of its parts, by the same code."""
        for name, raw, expected in CASES:
            if len(raw) < 20_000 and "unreadable" not in expected:
                message = read_mail(raw)
                self.assertEqual(what_is_read(tree(described_by_a_server(message))), what_is_read(message), name)

    def test_files(self):
        part = (
            "From: a@b.fr\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
            '<p>voir <img src="cid:logo"></p>\r\n'
            + "".join(
                f"--b\r\nContent-Type: {kind}\r\nContent-ID: <{cid}>\r\n"
                f'Content-Disposition: inline; filename="{name}"\r\n\r\nx\r\n'
                for kind, cid, name in (
                    ("image/png", "logo", "logo.png"),
                    ("application/pdf", "f", "devis\u202efdp.exe"),
                )
            )
            + "--b--\r\n"
        )
        found = parse_mail(part.encode()).attachments
        self.assertEqual([(file.name, file.is_inline) for file in found], [("logo.png", True), ("devisfdp.exe", False)])

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=3))
    def test_files_written_into_a_text(self, contents):
        pieces = [uu_file(f"plan {number}.bin", content) for number, content in enumerate(contents)]
        mail = parse_mail(b"Subject: x\r\n\r\nVoici :\r\n" + b"\r\nbegin\r\n".join(pieces) + b"\r\nfin")
        self.assertEqual(mail.body_text.split(), ["Voici", ":", *["begin"] * (len(contents) - 1), "fin"])
        self.assertEqual([part.content for part in mail.attachments], contents)
        self.assertEqual(mail.attachments[0].name, "plan 0.bin")
        cut = pieces[0][: -len(b"end")].decode()
        for text in (
            cut,
            "begin 644 x\nbonjour\nend",
            "begin 644 mardi\nend",
            "begin 644 x\nM12\n`\nend",
            "we begin 644 x\nend",
        ):
            found = parse_mail(f"Subject: x\n\n{text}".encode())
            self.assertEqual((found.body_text.split(), found.attachments), (text.split(), ()), "words are never taken")

    def test_words_inside_an_opaque_signature_are_shown(self):
        inner = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + "C'est signé.".encode()
        content = {
            "version": "v1",
            "digest_algorithms": [],
            "encap_content_info": {"content_type": "data", "content": inner},
            "signer_infos": [],
        }
        signed = cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(content)}).dump()
        head = b"From: a@b.fr\r\nContent-Type: application/pkcs7-mime; name=smime.p7m\r\n\r\n"
        mail = parse_mail(
            head.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n") + b64encode(signed)
        )
        self.assertEqual((mail.body_text, [part.name for part in mail.attachments]), ("C'est signé.", ["smime.p7m"]))
        for broken in (signed[:40], b"", b"\x30\x80" * 50):
            self.assertFalse(parse_mail(head + broken).body_text)

    def test_invitations(self):
        frame = (
            b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1\r\n"
            b"DTSTAMP:20260301T000000Z\r\nSUMMARY:%s\r\nDTSTART%s\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        )
        winter, summer = b":20260110T090000", b":20260710T090000"
        for summary, start, expected, hour in (
            (b"D\xc3\r\n \xa9jeuner", winter + b"Z", "Déjeuner", 9),
            ("Déjeuner".encode("cp1252"), winter + b"Z", "Déjeuner", 9),
            (b"x", b";TZID=Romance Standard Time" + winter, "x", 8),
            (b"x", b';TZID="Romance Standard Time"' + summer, "x", 7),
            (b"x", b";TZID=Europe/Paris" + summer, "x", 7),
        ):
            found = read_invitation(frame % (summary, start))
            self.assertEqual((found.summary, found.start.hour, found.is_floating), (expected, hour, False), start)
        for zone, hour, is_floating in (
            (b"Europe/Paris", 7, False),
            (b"Romance Standard Time", 7, False),
            (b"nowhere", 9, True),
            (b"x" * 400, 9, True),
        ):
            named = frame.replace(b"METHOD", b"X-WR-TIMEZONE:" + zone + b"\r\nMETHOD")
            ends = b"\r\nDTEND:20260710T110000"
            found = read_invitation(named % (b"x", summer + ends))
            self.assertEqual((found.start.hour, found.end.hour, found.is_floating), (hour, hour + 2, is_floating), zone)
            self.assertEqual(read_invitation(named % (b"x", summer + b"Z" + ends + b"Z")).start.hour, 9, zone)
            day = read_invitation(named % (b"x", b";VALUE=DATE:20260710"))
            self.assertEqual((day.start.day, day.is_all_day), (10, True))
        self.assertEqual(read_invitation(b"\xef\xbb\xbf" + frame % (b"x", winter + b"Z")).summary, "x")
        for odd in (
            b"ORGANIZER",
            b"RDATE;VALUE=DATE:x",
            b"DURATION:P99999999999999W",
            b"X",
            b"RRULE:FREQ=OFTEN",
            b"DTEND:soon",
        ):
            found = read_invitation(frame % (b"x", winter + b"Z\r\n" + odd))
            self.assertEqual((found.summary, found.start.hour), ("x", 9), odd)
        days = read_invitation(frame % (b"x", b";VALUE=DATE:20260301\r\nDTEND;VALUE=DATE:20260303"))
        self.assertEqual((str(days.start), str(days.end), days.is_all_day), ("2026-03-01", "2026-03-02", True))

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.sampled_from(CALENDAR_LINES), max_size=12))
    def test_any_calendar(self, lines):
        data = b"BEGIN:VCALENDAR\r\n" + b"\r\n".join(lines)
        for answer in (read_invitation(data), answer_invitation(data, ["me@x.fr"], "declined", MOMENT)):
            self.assertTrue(answer is None or answer)

    def test_the_answer_to_an_invitation(self):
        """Of a recurring meeting the day that was moved; in the invited one's name, with the organiser's time zone."""
        invitation = (
            b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nTZID:Ours\r\nBEGIN:STANDARD\r\n"
            b"DTSTART:16010101T030000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
            b"BEGIN:VEVENT\r\nUID:7@x\r\nSEQUENCE:2\r\nDTSTART;TZID=Ours:20260710T090000\r\nSUMMARY:x\r\n"
            b"RECURRENCE-ID;TZID=Ours:20260709T090000\r\nORGANIZER;CN=Anna:MAILTO:anna@x.fr\r\n"
            b'ATTENDEE;CN="B; C";RSVP=TRUE:mailto:Sales@us.fr\r\nATTENDEE:mailto:other@y.fr\r\n'
            b"BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT9M\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        )
        self.assertEqual(read_invitation(invitation).answer_to, "anna@x.fr")
        for own, attendee in ((["me@us.fr", "sales@us.fr"], "sales@us.fr"), (["me@us.fr"], "me@us.fr")):
            reply = Calendar.from_ical(answer_invitation(invitation, own, "tentative", MOMENT))
            (event,) = reply.walk("VEVENT")
            self.assertEqual((str(reply["METHOD"]), len(reply.walk("VTIMEZONE"))), ("REPLY", 1))
            self.assertEqual(
                (str(event["ATTENDEE"]), event["ATTENDEE"].params["PARTSTAT"]), (f"mailto:{attendee}", "TENTATIVE")
            )
            self.assertEqual(
                [str(event[name]) for name in ("UID", "SEQUENCE", "ORGANIZER")], ["7@x", "2", "MAILTO:anna@x.fr"]
            )
            self.assertEqual(event["RECURRENCE-ID"].dt.day, 9)
            self.assertFalse(reply.walk("VALARM"))
        self.assertEqual(read_invitation(invitation.replace(b"REQUEST", b"CANCEL")).answer_to, "")

    def test_what_is_encrypted_or_signed_says_so(self):
        signed, encrypted = "signed", "encrypted"
        for headers, types, text, expected in (
            ("Content-Type: multipart/encrypted; protocol=p", ["application/pgp-encrypted"], "", encrypted),
            ("Content-Type: application/pkcs7-mime; name=smime.p7m", ["application/pkcs7-mime"], "", encrypted),
            ("Content-Type: application/pkcs7-mime; name=smime.p7m", ["application/pkcs7-mime"], "words", signed),
            ("Content-Type: multipart/signed; micalg=x", ["application/pgp-signature"], "words", signed),
            ("Content-Type: multipart/mixed; boundary=b", ["application/x-pkcs7-signature"], "words", signed),
            ("Subject: x", [], "\n-----BEGIN PGP MESSAGE-----\nabc", encrypted),
            ("Subject: x", [], "-----BEGIN PGP SIGNED MESSAGE-----\nabc", signed),
            ("Subject: x", ["application/pdf"], "he wrote -----BEGIN PGP MESSAGE-----", ""),
            (False, [False], False, ""),
        ):
            self.assertEqual(protection(headers, types, text), expected, headers)

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 900))
    def test_the_beginning_of_a_long_mail_is_whole_html(self, size):
        stored = sanitise(
            '<div><table><tr><td><p title="a>b">é <b>y</b></p><img src="http://a.b/c.png">z</td></tr></table></div>' * 8
        )
        found = beginning(stored, size)
        self.assertEqual(found.count("<div>"), found.count("</div>"))
        self.assertEqual(beginning(found, len(found) + 1), found)
        self.assertNotIn(" src=", found)


@tagged("post_install", "-at_install")
class TestSent(BaseCase):
    LONG = st.one_of(
        NAMES, st.text(alphabet="aé日", min_size=200, max_size=1500), st.just("https://x.fr/" + "a" * 1500)
    )

    @settings(max_examples=100, deadline=None)
    @given(LONG, LONG, LONG, st.lists(st.one_of(st.text(max_size=20), st.just("a" * 1200)), max_size=40))
    def test_no_line_is_too_long_for_any_server(self, name, subject, file_name, ids):
        mail = mime_builder.OutgoingMail(
            "<n@a.example>",
            (name, "a@a.example"),
            ((name, "b@b.example"),),
            subject,
            "x",
            "<p>x</p>",
            datetime(2026, 3, 2),
            in_reply_to=f"<{ids[0]}@c.fr>" if ids else "",
            references=tuple(f"<{item}@c.fr>" for item in ids),
            parts=(mime_builder.Part(file_name, "application/pdf", b"x"),),
        )
        raw = mime_builder.build(mail)
        self.assertLessEqual(max(map(len, raw.split(b"\r\n"))), 998)
        read = message_from_bytes(raw, policy=policy.default)
        self.assertEqual(" ".join(parse_mail(raw).subject.split()), " ".join(subject.split())[:2000].strip())
        self.assertLessEqual(max(map(len, re.findall(rb"=\?[^?\s]+\?[bq]\?[^?\s]*\?=", raw)), default=0), 75)
        wanted = " ".join(file_name.split())
        if wanted[:1] == "<" and wanted[-1:] == ">":  # what the library takes for an address
            wanted = wanted[1:-1]
        self.assertEqual(" ".join(next(read.iter_attachments()).get_filename().split()), wanted)

    def test_whose_fault_a_refusal_is(self):
        for code, text, stage, action in (
            (452, "4.2.2 Mailbox of j@c.fr is over quota", "rcpt", smtp_retry.RETRY),
            (550, "5.2.2 quota exceeded", "rcpt", smtp_retry.REFUSED),
            (552, "5.2.2 Mailbox full", "data", smtp_retry.REFUSED),
            (550, "User quota exceeded", "rcpt", smtp_retry.REFUSED),
            (452, "4.5.3 Too many recipients", "rcpt", smtp_retry.RETRY),
            (452, "4.2.2 Over quota", "mail", smtp_retry.HOLD),
            (550, "5.4.5 Daily user sending limit exceeded", "data", smtp_retry.HOLD),
            (450, "Too many messages, slow down", "mail", smtp_retry.RETRY),
            (535, "5.7.8 Bad credentials", "login", smtp_retry.HOLD),
        ):
            self.assertEqual(smtp_retry.classify(code, text, stage).action, action, text)


@tagged("post_install", "-at_install")
class TestFlowed(BaseCase):
    """format=flowed (RFC 3676): what a program broke is one line again."""

    def _read(self, text, parameters="format=flowed"):
        return parse_mail(f"Content-Type: text/plain; {parameters}\n\n{text}".encode()).body_text

    def test_lines(self):
        for text, parameters, expected in (
            ("Un deux \ntrois\nquatre", "format=flowed", "Un deux trois\nquatre"),
            ("a.example/ \nb/ \nc", "format=flowed; delsp=yes", "a.example/b/c"),
            ("> cité \n> suite\nréponse", 'Format="Flowed"', "> cité suite\nréponse"),
            ("> cité \n>> plus loin", "format=flowed", "> cité \n>> plus loin"),
            (" >pas une citation", "format=flowed", ">pas une citation"),
            ("Merci \n-- \nAnna", "format=flowed", "Merci \n-- \nAnna"),
            ("Un deux \ntrois", "format=fixed", "Un deux \ntrois"),
        ):
            self.assertEqual(self._read(text, parameters), expected, text)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.text(alphabet="ab >-", max_size=12), min_size=1, max_size=8))
    def test_no_letter_is_lost(self, lines):
        text = "\n".join(lines)
        for del_sp in (False, True):
            found = unflowed(text, del_sp=del_sp)
            self.assertEqual([c for c in found if c in "ab-"], [c for c in text if c in "ab-"])


@tagged("post_install", "-at_install")
class TestForOutlook(BaseCase):
    """Conditional comments: what only Outlook sees is dropped, what everybody else sees stays."""

    def test_what_is_shown(self):
        for markup, shown in (
            ("<!--[if mso]><b>hidden</b><![endif]-->", False),
            ("<!--[if gte mso 9]><xml>hidden</xml><![endif]-->", False),
            ("<!--[if !mso]><!--><a href='https://x.fr'>shown</a><!--<![endif]-->", True),
            ("<!--[if !mso]><!-- --><p>shown</p><!--<![endif]-->", True),
            ("<![if !mso]><p>shown</p><![endif]>", True),
        ):
            kept = sanitise(f"<p>before</p>{markup}<p>after</p>")
            self.assertEqual("shown" in kept, shown, markup)
            self.assertNotIn("hidden", kept)
            self.assertEqual(("before" in kept, "after" in kept), (True, True), markup)
