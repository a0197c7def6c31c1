import csv
import email
import email.header
import email.policy
import gzip
import json
import random
import re
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from odoo.tests import BaseCase, tagged
from odoo.tools import file_open

from lokario_testing.environments import mailwizz as mailwizz_environment
from lokario_testing.environments import pmta
from odoo.addons.lokario_base.tools.host_policy import HostPolicy

from ..exceptions import EngineRejected, EngineUnavailable, SubscriberRejected
from ..tools import accounting, bounce, bounce_rules, verp
from ..tools.campaign_message import CampaignHeaders, MessageBuilder, Recipient, encoded_words, mailbox
from ..tools.mailwizz_client import MailWizzClient
from ..tools.smtp_feeder import Outcome, Outgoing, SmtpFeeder
from ..tools.template_sandbox import Shape

ROWS = [
    {
        "type": kind,
        "timeLogged": f"2026-11-0{index + 1} 10:00:00+0000",
        "orig": "b-x@bounce.test",
        "rcpt": 'a,"b"@c.test',
        "dsnStatus": "5.1.1 (bad, mailbox)",
        "dsnDiag": 'smtp;550 "no"',
        "bounceCat": "bad-mailbox",
        "vmta": "t1-ip1",
        "jobId": "t1-c2-k3",
    }
    for index, kind in enumerate(("d", "b", "t", "tq", "r", "f", "rb", "rs"))
]


def as_csv(rows, names):
    def quoted(value):
        return '"' + value.replace('"', '""') + '"'

    lines = [",".join(names)] + [",".join(quoted(row.get(name, "")) for name in names) for row in rows]
    return ("\r\n".join(lines) + "\r\n").encode()


@tagged("post_install", "-at_install")
class TestAccounting(BaseCase):
    def _read(self, body, size=1000):
        chunks = [body[start : start + size] for start in range(0, len(body), size)]
        return list(accounting.read_records(chunks))

    def test_every_form_gives_the_same_records(self):
        names = [*ROWS[0], "srcType"]
        expected = self._read(json.dumps(ROWS).encode())
        self.assertEqual([record.type for record in expected], ["d", "b", "t", "tq", "r", "f", "rb", "rs"])
        shuffled = random.Random(1).sample(names, len(names))
        lines = "\n".join(json.dumps(row) for row in ROWS).encode()
        upper = [{name.upper(): value for name, value in row.items()} for row in ROWS]
        for body in (as_csv(ROWS, names), as_csv(ROWS, shuffled), lines, json.dumps(upper).encode()):
            self.assertEqual(self._read(body), expected)
            self.assertEqual(self._read(gzip.compress(body), 7), expected)
            self.assertEqual(self._read(b"\xef\xbb\xbf" + body), expected)

    def test_gzip_of_several_members(self):
        """Joined files, a member a flush, an empty member, padding (RFC 1952 §2.2); a damaged one is said."""
        names = list(ROWS[0])
        expected = self._read(as_csv(ROWS, names))
        body = as_csv(ROWS, names)
        middle = len(body) // 2
        joined = gzip.compress(body[:middle]) + gzip.compress(b"") + gzip.compress(body[middle:])
        for size in (1, 7, 100_000):
            self.assertEqual(self._read(joined, size), expected)
            self.assertEqual(self._read(joined + bytes(600), size), expected)
            for broken in (joined[:-3], joined + b"rubbish", joined + joined[:20]):
                with self.assertRaises(accounting.Unreadable):
                    self._read(broken, size)

    def test_times_become_utc(self):
        cases = {
            "2019-02-08 21:54:05+0000": "2019-02-08 21:54:05",
            "2019-02-08 21:54:05+0100": "2019-02-08 20:54:05",
            "2019-02-08T21:54:05Z": "2019-02-08 21:54:05",
            "02/08/2019 21:54:05": "2019-02-08 21:54:05",
            "02/08/2019 21:54:05-0500": "2019-02-09 02:54:05",
            "1549662845": "2019-02-08 21:54:05",
        }
        for text, expected in cases.items():
            [record] = self._read(json.dumps({"type": "d", "timeLogged": text}).encode())
            self.assertEqual(record.time, expected)

    def test_a_row_that_was_cut_is_reported_and_takes_no_other_with_it(self):
        """Cut anywhere, within quotes too, by a file that was read while it was written or a machine that stopped."""
        good = as_csv([ROWS[0]], list(ROWS[0])).split(b"\r\n")
        header, row = good[0] + b"\r\n", good[1].replace(b'"d"', b"d") + b"\r\n"
        objects = json.dumps(ROWS[0]).encode()
        for size in range(2, row.rindex(b","), 3):
            for body in (
                header + row + row[:size] + b"\r\n" + row + header + row,
                header + row + row[:size] + b"\r\n" + row[:size] + b"\r\n" + row + row,
                header + row * 3 + row[:size],
                header + row + row[:-4] + b"\r\n" + row * 2,
                b"\n".join((objects, objects[:size], objects, objects)),
            ):
                errors = []
                records = list(accounting.read_records([body], lambda number, reason, kept=errors: kept.append(reason)))
                self.assertEqual(records, self._read(header + row) * 3, body)
                self.assertTrue(errors, body)
        long = row.replace(b"no", b"n" * 2 * accounting.MAX_FIELD)
        errors = []
        records = list(accounting.read_records([header + long + row], lambda *error: errors.append(error)))
        self.assertEqual((len(records), len(errors)), (1, 1))

    def test_columns_as_people_configure_them(self):
        """`record-fields b timeQueued,…` and a header that stands again with another order."""
        first = b"type,timeQueued,bounceCat,rcpt\nb,2016-08-01 14:06:01-0400,bad-mailbox,a@x.test\n"
        again = b"orcpt,type,timeLogged\nrfc822;b@x.test,d,1470074761\n"
        found = [(record.type, record.time, record.rcpt) for record in self._read(first + again)]
        self.assertEqual(found, [("b", "2016-08-01 18:06:01", "a@x.test"), ("d", "2016-08-01 18:06:01", "b@x.test")])

    def test_a_row_read_twice_has_one_key(self):
        keys = {record.key for record in self._read(json.dumps(ROWS + ROWS).encode())}
        self.assertEqual(len(keys), len(ROWS))

    def test_unusable_bodies_are_refused(self):
        bomb = gzip.compress(b"type,timeLogged\n" + b"x" * 300_000_000)
        for body in (b"hello\nyou", b"[1]", b'{"a":', b"[" * 100_000, bomb, gzip.compress(b"type,timeLogged\n")[:-9]):
            with self.subTest(body[:20]), self.assertRaises(accounting.Unreadable):
                self._read(body, 65536)

    def test_a_bad_row_is_reported_and_the_rest_is_read(self):
        errors = []
        rows = [ROWS[0], {**ROWS[1], "type": "zz"}, {**ROWS[2], "timeLogged": "soon"}, ROWS[3]]
        body = json.dumps(rows).encode()
        records = list(accounting.read_records([body], lambda number, reason: errors.append(number)))
        self.assertEqual(([record.type for record in records], errors), (["d", "tq"], [2, 3]))


@tagged("post_install", "-at_install")
class TestBounce(BaseCase):
    def test_labelled_diagnostics(self):
        """No person is ever suppressed for a block; at most 1 % of the corpus is judged otherwise."""
        wrong = []
        with file_open("email_engine_bridge/tests/bounces.csv", "r") as stream:
            labelled = list(csv.reader(stream))[1:]
        for label, status, diagnostic, category in labelled:
            verdict = bounce.classify(status, diagnostic, category).kind.value
            if verdict != label:
                wrong.append((label, verdict, status, diagnostic))
        self.assertFalse([case for case in wrong if "hard" in case[:2] and case[0] != "hard"], wrong)
        dead = [row for row in labelled if row[0] == "hard"]
        missed = [case for case in wrong if case[0] == "hard"]
        self.assertGreaterEqual(len(labelled), 200)
        self.assertLessEqual(len(missed), len(dead) * 0.01, missed)
        self.assertLessEqual(len(wrong), len(labelled) * 0.01, wrong)

    def test_delays_and_temporary_answers_kill_no_address(self):
        self.assertEqual(bounce.classify("4.0.0", "smtp;450 user unknown", "bad-mailbox", "delayed").kind, "ignored")
        self.assertEqual(bounce.classify("4.1.1", "smtp;450 4.1.1 user unknown", "bad-mailbox").kind, "soft")

    def test_an_address_in_an_answer_is_no_code(self):
        """45.5.1.1 says nothing about a mailbox, wherever it stands."""
        for ip in ("45.5.1.1", "5.1.1.45", "185.5.2.1", "4.5.1.6", "91.5.7.27"):
            for text in ("Message refused for {}", "[{}] sends too much", "connect to mx1.x.test[{}]:25: no"):
                verdict = bounce.classify("5.0.0 (undefined status)", f"smtp;554 {text.format(ip)}.", "other")
                neutral = bounce.classify("5.0.0", f"smtp;554 {text.format('192.0.2.1')}.", "other")
                self.assertEqual(verdict, neutral, text.format(ip))

    def test_our_own_faults_kill_no_address(self):
        """The receiver does not find our names, our sender or our patience; an address that is echoed says nothing."""
        for diagnostic, category in (
            ("smtp;550 5.7.1 <mta.ours.test>: Helo command rejected: Host not found", "policy-related"),
            ("smtp;550 EHLO argument does not match: domain not found", "other"),
            ("smtp;553 5.1.8 Domain of sender address x@ours.test does not exist", "bad-domain"),
            ("smtp;550 Sender's domain ours.test doesn't resolve", "other"),
            ("smtp;550 5.7.27 Sender address has null MX", "invalid-sender"),
            ("smtp;550 cannot find your domain: no such domain", "invalid-sender"),
            ("smtp;550-5.2.1 The user you are trying to contact is receiving mail too quickly", "inactive-mailbox"),
            ("smtp;550 5.2.1 mailbox is temporarily disabled", "inactive-mailbox"),
            ("smtp;451 user unknown", "bad-mailbox"),
            ("smtp;550 5.1.1 unknown user, try again later", "bad-mailbox"),
            ("smtp;550 5.7.1 Ip frequency limited", "other"),
        ):
            self.assertNotEqual(bounce.classify("5.0.0", diagnostic, category).kind, "hard", diagnostic)
        for diagnostic in (
            "smtp;550 5.1.1 <p.junker@x.test>: user unknown",
            "smtp;550 5.1.1 <vacation@x.test> mailbox not found",
            "smtp;550 spamhaus@x.test... No such user",
            "smtp;550 5.5.0 Requested action not taken: mailbox unavailable",
            "smtp;550 5.5.0 Boite archivee. Archived recipient. LPN007_420",
            "smtp;550 No user found",
        ):
            self.assertEqual(bounce.classify("5.0.0", diagnostic, "other").kind, "hard", diagnostic)

    @settings(max_examples=40, deadline=None)
    @given(
        word=st.sampled_from(
            ("junk", "spamhaus", "vacation", "helo", "blacklist", "policy", "nosuchuser", "quota", "ptr")
        ),
        echo=st.sampled_from(
            ("<{}@x.test>", "<a.{}@x.test>:", "mx.{}.test said:", "(https://{0}.test/{0}?{0}=1)", "[{}.x.test]")
        ),
        answer=st.sampled_from(
            (
                ("hard", "550 5.1.1 {} User unknown"),
                ("hard", "550 {} No such user here"),
                ("soft", "552 5.2.2 {} mailbox full"),
                ("block", "554 5.7.1 {} rejected because of its reputation"),
                ("technical", "554 5.7.1 {} Relay access denied"),
                ("technical", "553 5.1.8 {} Sender address rejected: Domain not found"),
            )
        ),
    )
    def test_echoes_say_nothing(self, word, echo, answer):
        kind, text = answer
        diagnostic = "smtp;" + text.format(echo.format(word))
        self.assertEqual(bounce.classify("5.0.0", diagnostic, "other").kind, kind, diagnostic)

    def test_fault_and_duration_are_two_results(self):
        for diagnostic, fault, is_final in (
            ("smtp;550 5.1.1 user unknown", "recipient", True),
            ("smtp;450 4.1.1 user unknown", "recipient", False),
            ("smtp;552 5.2.2 mailbox full", "recipient", False),
            ("smtp;550 5.7.26 the sender is unauthenticated", "sender", True),
            ("smtp;553 5.1.8 Domain of sender address does not exist", "sender", True),
            ("smtp;421 4.7.0 [TSS04] Messages temporarily deferred", "reputation", False),
            ("smtp;554 5.7.1 rejected due to its reputation", "reputation", True),
            ("smtp;550 message looks like spam", "content", True),
            ("smtp;421 4.3.2 server busy", "receiver", False),
            ("smtp;554 5.7.1 Relay access denied", "configuration", True),
        ):
            verdict = bounce.classify("", diagnostic, "")
            self.assertEqual((verdict.fault, verdict.is_final), (fault, is_final), diagnostic)

    def test_every_rule_names_its_source(self):
        for name, source, pairs in bounce_rules.PROVIDERS:
            self.assertTrue(source and pairs, name)

    def test_providers(self):
        names = [bounce.provider_of(name) for name in ("gmail.com", "hotmail.fr", "yahoo.fr", "orange.fr", "a.test")]
        self.assertEqual(names, ["gmail", "microsoft", "yahoo", "orange", "other"])


@tagged("post_install", "-at_install")
class TestSignatures(BaseCase):
    def test_tokens_are_opaque_and_bound_to_their_purpose(self):
        secret = b"k" * 32
        for record_id in (1, 7, 2**31 - 1):
            token = verp.token(secret, "unsubscribe", record_id)
            self.assertEqual(verp.read_token(secret, "unsubscribe", token.upper()), record_id)
            self.assertIsNone(verp.read_token(secret, "open", token))
            self.assertIsNone(verp.read_token(b"z" * 32, "unsubscribe", token))
            self.assertIsNone(verp.read_token(secret, "unsubscribe", "a" + token[1:] + "a"))
            sender = verp.envelope_sender(token, "bounce.test")
            self.assertEqual(verp.token_of_sender(f"<{sender.upper()}>"), token)
        self.assertIsNone(verp.read_token(secret, "unsubscribe", "not a token"))
        self.assertEqual(verp.parse_job(verp.job_name(1, 42, 7)), (1, 42, 7))


@tagged("post_install", "-at_install")
class TestMessages(BaseCase):
    HEADERS = CampaignHeaders(
        "t1-ip1", "t1-c2-k3", "Société, Élan", "news@a.test", "reply@a.test", "c2:t1:campaign:lokario", "l1.a.test"
    )

    SUBJECT = "Offre spéciale pour l'été " + "très " * 30
    HTML = "<p>Hé\r\n.point\n" + "x" * 500 + "</p>"
    TEXT = ".\n..deux\nfin é"
    ALONE = ["", ""]

    def _recipient(self, number, address=None, to_name='Jean "J" D.'):
        address = address or f"user{number}@x.test"
        return Recipient(
            number, address, f"b-{number}@bounce.test", f"m{number}@a.test", "https://a.test/u/tok", to_name
        )

    def _build(self, recipient, shapes=None, values=(SUBJECT, HTML, TEXT)):
        builder = MessageBuilder(self.HEADERS, "=_b")
        builder.fit(shapes or [Shape(self.ALONE, [place]) for place in range(3)])
        return builder.build(recipient, values)

    def _parse(self, data):
        plain = re.sub(rb"^\.\.", b".", data.removesuffix(b".\r\n"), flags=re.MULTILINE)
        return email.message_from_bytes(plain, policy=email.policy.default)

    def test_an_independent_parser_reads_what_was_written(self):
        recipient = self._recipient(1)
        data = self._build(recipient)
        self.assertLessEqual(max(map(len, data.split(b"\r\n"))), 998)
        message = self._parse(data)
        self.assertFalse(message.defects)
        self.assertEqual(message["Subject"], self.SUBJECT)
        self.assertEqual(message["From"].addresses[0].display_name, "Société, Élan")
        self.assertEqual(message["To"].addresses[0].addr_spec, recipient.address)
        self.assertEqual(message["List-Unsubscribe"], "<https://a.test/u/tok>")
        self.assertEqual(message["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click")
        self.assertEqual((message["X-Job"], message["X-Virtual-MTA"]), ("t1-c2-k3", "t1-ip1"))
        text, html = (message.get_body((kind,)).get_content().replace("\r\n", "\n") for kind in ("plain", "html"))
        self.assertEqual(text.rstrip("\n"), self.TEXT)
        self.assertEqual(html.rstrip("\n"), self.HTML.replace("\r\n", "\n"))

    def test_pieces_encoded_apart_read_as_one_text(self):
        """Any literal text around any values: lines of at most 76 characters, nothing added, nothing lost."""
        chance = random.Random(3)
        words = [
            "a",
            " ",
            "é",
            "\n",
            "\n\n",
            "=",
            ".",
            "\n.",
            "%s",
            "%",
            "x" * 74,
            "\t",
            "mot " * 30,
            "From ",
            "--=_b",
            "",
        ]
        for _round in range(300):
            values = ["".join(chance.choices(words, k=chance.randint(0, 4))) for _hole in range(4)]
            holes = chance.choices(range(1, 4), k=chance.randint(1, 5))
            literals = ["".join(chance.choices(words, k=chance.randint(0, 4))) for _piece in range(len(holes) + 1)]
            shape = Shape(literals, holes)
            data = self._build(self._recipient(1), [Shape(self.ALONE, [0]), shape, shape], values)
            self.assertLessEqual(max(map(len, data.partition(b"--=_b")[2].split(b"\r\n"))), 77)  # a dot may be doubled
            self.assertEqual(data.count(b"\r\n.\r\n"), 1)
            read = self._parse(data).get_body(("html",)).get_payload(decode=True).decode()
            self.assertEqual(read.replace("\r\n", "\n").removesuffix("\n"), shape.fill(values).removesuffix("\n"))

    def test_what_a_header_cannot_hold_is_encoded(self):
        """A word longer than a line, and a name that only looks encoded."""
        for text in ("x" * 1200, "=?utf-8?B?QWRtaW4=?=", "Promo " + "y" * 950):
            value = encoded_words(text)
            self.assertLessEqual(max(map(len, value.split("\r\n"))), 76)
            self.assertEqual(str(email.header.make_header(email.header.decode_header(value))), text)
        written = mailbox("=?utf-8?B?QWRtaW4=?=", "a@x.test")
        message = email.message_from_string(f"To: {written}\n\n", policy=email.policy.default)
        self.assertEqual(message["To"].addresses[0].display_name, "=?utf-8?B?QWRtaW4=?=")

    def test_hostile_values_add_no_header(self):
        data = self._build(self._recipient(1, to_name="a\r\nBcc: x@y.test"))
        self.assertIsNone(self._parse(data)["Bcc"])
        self.assertNotIn("\n", encoded_words("é" * 10))

    def test_feeder_tells_what_happened_to_each_message(self):
        with tempfile.TemporaryDirectory() as folder:
            mta = pmta.FakePowerMta(Path(folder) / "acct.csv", vmtas={"t1-ip1"})
            with pmta.serving(mta) as (host, port), SmtpFeeder(host, port) as feeder:
                addresses = ["a@x.test", "reject-b@x.test", "c@x.test", "lost-d@x.test", "e@x.test"]
                outcomes = self._feed(feeder, addresses)
                self.assertEqual(outcomes, ["accepted", "refused", "accepted", "unknown", "accepted"])
                self.assertEqual(self._feed(feeder, ["reject-a@x.test", "b@x.test"]), ["refused", "accepted"])
            with (Path(folder) / "acct.csv").open("rb") as stream:
                records = list(accounting.read_records(stream))
        self.assertEqual([record.type for record in records], ["r", "d"] * 5)
        self.assertEqual({record.job for record in records}, {"t1-c2-k3"})

    def test_what_no_connection_is_left_for_is_unsent(self):
        """Only the two messages that the connections were lost with are in doubt."""
        for pipelining in (True, False):
            with self.subTest(pipelining), tempfile.TemporaryDirectory() as folder:
                mta = pmta.FakePowerMta(Path(folder) / "acct.csv", pipelining=pipelining)
                with pmta.serving(mta) as (host, port), SmtpFeeder(host, port) as feeder:
                    addresses = ["lost-a@x.test", "lost-b@x.test", *[f"c{number}@x.test" for number in range(6)]]
                    self.assertEqual(self._feed(feeder, addresses), ["unknown"] * 2 + ["unsent"] * 6)
                    self.assertEqual(self._feed(feeder, addresses[2:]), ["accepted"] * 6)
                self.assertEqual(sum(mta.received.values()), 8)

    def test_a_server_that_wants_one_connection_gets_one(self):
        with tempfile.TemporaryDirectory() as folder:
            mta = pmta.FakePowerMta(Path(folder) / "acct.csv")
            with pmta.serving(mta) as (host, port), SmtpFeeder(host, port) as feeder:
                self.assertEqual(self._feed(feeder, ["a@x.test"]), ["accepted"])  # opens one
                with mta.refusing("421 4.7.0 too many connections"):
                    addresses = [f"p{number}@x.test" for number in range(7)]
                    self.assertEqual(self._feed(feeder, addresses), ["accepted"] * 7)
                self.assertEqual(self._feed(feeder, addresses), ["accepted"] * 7)
        self.assertEqual(sum(mta.received.values()), 15)

    def test_a_server_without_pipelining_gets_one_command_at_a_time(self):
        addresses = ["a@x.test", "reject-b@x.test", "c@x.test", "lost-d@x.test", "e@x.test"]
        with tempfile.TemporaryDirectory() as folder:
            mta = pmta.FakePowerMta(Path(folder) / "acct.csv", pipelining=False)
            with pmta.serving(mta) as (host, port), SmtpFeeder(host, port) as feeder:
                outcomes = self._feed(feeder, addresses)
                self.assertEqual(outcomes, ["accepted", "refused", "accepted", "unknown", "accepted"])
                self.assertEqual(self._feed(feeder, ["e@x.test"]), ["accepted"])
        self.assertEqual(sum(mta.received.values()), 5)

    def _feed(self, feeder, addresses):
        recipients = [self._recipient(number, address) for number, address in enumerate(addresses)]
        results = feeder.feed(Outgoing(one.key, one.sender, one.address, self._build(one)) for one in recipients)
        outcomes = {result.key: result.outcome.value for result in results}
        self.assertEqual((len(results), sorted(outcomes)), (len(addresses), list(range(len(addresses)))))
        return [outcomes[key] for key in sorted(outcomes)]

    def test_no_server_is_unavailable(self):
        with self.assertRaises(EngineUnavailable):
            SmtpFeeder("127.0.0.1", 9).feed([Outgoing(1, "a", "b", b".\r\n")])
        self.assertTrue(Outcome.UNSENT)


@tagged("post_install", "-at_install")
class TestMailWizzClient(BaseCase):
    def setUp(self):
        super().setUp()
        self.mailwizz = mailwizz_environment.FakeMailWizz("key")
        url = self.enterContext(mailwizz_environment.serving(self.mailwizz))
        self.client = MailWizzClient(url, "key", self._pin)
        self.url = url

    def _pin(self, host, port):
        return HostPolicy.from_text("127.0.0.1", (port,)).pin(host, port)

    def test_journey(self):
        company = {"name": "Alpha", "country": "France", "address_1": "1 rue", "city": "Paris", "zip_code": "75001"}
        list_uid = self.client.create_list("News", "d", "Alpha", "a@a.test", "a@a.test", company)
        first = self.client.upsert_subscriber(list_uid, "x@y.test", {"FNAME": "X"})
        self.assertEqual(self.client.upsert_subscriber(list_uid, "x@y.test", {"FNAME": "Z"}), first)
        self.assertEqual(self.mailwizz.subscribers[list_uid, "x@y.test"]["FNAME"], "Z")
        values = dict.fromkeys(("name", "from_name", "from_email", "subject", "reply_to"), "v")
        values["send_at"] = "2026-01-01 00:00:00"
        html = "<a href='[UNSUBSCRIBE_URL]'>u</a>[COMPANY_FULL_ADDRESS]"
        template_uid = self.client.create_template("T", html)
        self.assertEqual(self.client.find_template("T"), template_uid)
        self.assertIsNone(self.client.find_template("other"))
        uid = self.client.create_campaign(list_uid, values, template_uid, "t", track_clicks=True)
        self.assertEqual(self.client.find_campaign("v"), uid)
        self.assertIsNone(self.client.find_campaign("other"))
        self.assertEqual(self.client.pause_or_resume(uid), "paused")
        self.assertEqual(self.client.campaign_status(uid), "paused")
        self.assertEqual(list(self.client.unsubscribed(list_uid)), [])

    def test_refusals_and_outages_are_told_apart(self):
        with self.assertRaisesRegex(EngineRejected, "UNSUBSCRIBE_URL"):
            list_uid = self.client.create_list("N", "d", "A", "a@a.test", "a@a.test", {"name": "A"})
            values = dict.fromkeys(("name", "from_name", "from_email", "subject", "reply_to", "send_at"), "v")
            template_uid = self.client.create_template("T", "no tag")
            self.client.create_campaign(list_uid, values, template_uid, "t", track_clicks=False)
        with self.assertRaisesRegex(EngineRejected, "Invalid API key"):
            MailWizzClient(self.url, "wrong", self._pin).find_template("T")
        self.mailwizz.fail_next = [503]
        with self.assertRaises(EngineUnavailable):
            self.client.find_template("T")
        with self.assertRaises(EngineUnavailable):
            MailWizzClient("http://127.0.0.1:9/api", "key", self._pin).find_template("T")
        with self.assertRaises(EngineRejected):  # nobody allowed this machine
            MailWizzClient(self.url, "key").find_template("T")

    def test_a_refused_subscriber_is_told_from_a_refused_call(self):
        list_uid = self.client.create_list("N", "d", "A", "a@a.test", "a@a.test", {"name": "A"})
        for address in ("no address", "blocked-a@x.test"):
            with self.assertRaises(SubscriberRejected):
                self.client.upsert_subscriber(list_uid, address, {})
        with self.assertRaises(EngineRejected) as caught:
            MailWizzClient(self.url, "wrong", self._pin).upsert_subscriber(list_uid, "a@x.test", {})
        self.assertNotIsInstance(caught.exception, SubscriberRejected)
