import random
import re
import smtplib
import socket
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from odoo.tests import BaseCase, tagged

from lokario_testing.environments.smtp_sink import SmtpSink

from ..tools import smtp_client, smtp_retry
from ..tools.host_policy import HostPolicy

# (code, text, stage, action, cause)
RETRY_TABLE = [
    (None, "timed out", "connect", "retry", "network"),
    (None, "Connection refused", "connect", "retry", "network"),
    (421, "4.7.0 Try again later", "connect", "retry", "busy"),
    (554, "5.7.1 Your IP is blocked", "connect", "refused", "policy"),
    (None, "certificate verify failed", "tls", "hold", "tls"),
    (454, "4.7.0 TLS not available", "tls", "retry", "busy"),
    (535, "5.7.8 Username and Password not accepted", "login", "hold", "login"),
    (534, "5.7.9 Application-specific password required", "login", "hold", "login"),
    (530, "5.7.0 Must issue a STARTTLS command first", "mail", "hold", "login"),
    (538, "5.7.11 Encryption required", "login", "hold", "login"),
    (454, "4.7.0 Temporary authentication failure", "login", "retry", "login_busy"),
    (432, "4.7.12 A password transition is needed", "login", "retry", "login_busy"),
    (421, "4.7.0 Too many login attempts", "login", "retry", "login_busy"),
    (None, "cut", "mail", "retry", "network"),
    (451, "4.3.0 Local error", "mail", "retry", "busy"),
    (452, "4.3.1 Insufficient system storage", "mail", "retry", "busy"),
    (550, "5.7.60 SMTP; Client does not have permissions to send as this sender", "data", "refused", "sender"),
    (553, "5.7.1 Sender address rejected: not owned by user", "mail", "refused", "sender"),
    (550, "5.4.5 Daily user sending limit exceeded", "data", "hold", "limit"),
    (421, "4.7.28 Unusual rate", "data", "hold", "limit"),
    (550, "5.1.90 Your message can't be sent because you've reached your daily limit", "sent", "hold", "limit"),
    (554, "5.2.0 hourly sending quota exceeded", "rcpt", "hold", "limit"),
    (552, "5.3.4 Message size exceeds fixed limit", "mail", "refused", "size"),
    (552, "5.2.3 Message too large", "sent", "refused", "size"),
    (450, "4.2.0 Greylisted", "rcpt", "retry", "busy"),
    (450, "4.1.8 Sender domain not found", "mail", "retry", "busy"),
    (451, "4.7.1 Greylisting", "rcpt", "retry", "busy"),
    (452, "4.5.3 Too many recipients", "rcpt", "retry", "too_many_recipients"),
    (552, "Too many recipients", "rcpt", "retry", "too_many_recipients"),
    (550, "5.1.1 No such user", "rcpt", "refused", "recipient"),
    (550, "User unknown", "rcpt", "refused", "recipient"),
    (551, "User not local", "rcpt", "refused", "recipient"),
    (553, "5.1.3 Bad address syntax", "rcpt", "refused", "recipient"),
    (552, "5.2.2 Mailbox full", "sent", "refused", "policy"),
    (554, "5.7.1 Message rejected as spam", "sent", "refused", "policy"),
    (550, "5.7.1 SPF fail", "sent", "refused", "policy"),
    (554, "Transaction failed", "data", "refused", "policy"),
    (451, "4.3.0 Local error in processing", "sent", "verify", "unclear"),
    (421, "4.4.2 Timeout", "sent", "verify", "unclear"),
    (None, "Connection unexpectedly closed", "sent", "verify", "unclear"),
    (None, "timed out", "data", "retry", "network"),
    (500, "Syntax error", "mail", "refused", "policy"),
]
# fmt: off
# what the providers say on their servers for mail programs, in their published words
PROVIDERS_TABLE = [
    # Microsoft 365 and Exchange
    (550, "5.1.10 RESOLVER.ADR.RecipientNotFound; not found by SMTP address lookup", "rcpt", "refused", "recipient"),
    (550, "5.4.1 Recipient address rejected: Access denied", "rcpt", "refused", "recipient"),
    (452, "4.2.2 The recipient's mailbox is full and can't accept messages now", "rcpt", "retry", "busy"),
    (554, "5.2.2 mailbox full; STOREDRV.Deliver; over quota", "rcpt", "refused", "recipient"),
    (535, "5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled", "login", "hold", "login"),
    (530, "5.7.57 Client not authenticated to send mail", "mail", "hold", "login"),
    (432, "4.3.2 Concurrent connections limit exceeded", "mail", "retry", "busy"),
    (432, "4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", "data", "retry", "busy"),
    (554, "5.2.252 SendAsDenied; anna@client.fr not allowed to send as info@client.fr", "sent", "refused", "sender"),
    (554, "5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException", "sent", "refused", "sender"),
    (550, "5.1.8 Access denied, bad outbound sender AS(42003)", "sent", "hold", "limit"),
    (550, "5.7.501 Access denied, spam abuse detected", "mail", "hold", "limit"),
    (451, "4.7.500 Server busy. Please try again later", "rcpt", "retry", "busy"),
    (550, "5.5.3 RESOLVER.ADR.RecipLimit; too many recipients", "rcpt", "retry", "too_many_recipients"),
    (421, "4.4.2 Message submission rate for this client has exceeded the configured limit", "mail", "retry", "busy"),
    (452, "4.3.1 Insufficient system resources", "mail", "retry", "busy"),
    # Google
    (452, "4.2.2 The email account that you tried to reach is over quota", "rcpt", "retry", "busy"),
    (552, "5.2.2 The email account that you tried to reach is over quota", "rcpt", "refused", "recipient"),
    (450, "4.2.1 The user you are trying to contact is receiving mail too quickly", "rcpt", "retry", "busy"),
    (550, "5.2.1 The user you are trying to contact is receiving mail at a rate that", "rcpt", "retry", "busy"),
    (421, "4.7.0 Try again later, closing connection", "mail", "retry", "busy"),
    (552, "5.7.0 Blocked because its content presents a security issue", "sent", "refused", "policy"),
    (550, "5.4.5 Daily SMTP relay sending limit exceeded for this user", "rcpt", "hold", "limit"),
    # OVH, Ionos, Orange, Infomaniak, Yahoo, iCloud, Zoho
    (450, "4.7.1 <a@b.fr>: Sender address rejected: quota exceeded (200 per hour)", "rcpt", "hold", "limit"),
    (554, "5.7.1 <a@b.fr>: Sender address rejected: not owned by user c@b.fr", "rcpt", "refused", "sender"),
    (450, "Requested mail action not taken: mailbox unavailable. Mail send limit exceeded", "rcpt", "hold", "limit"),
    (550, "mailbox unavailable. Sender address is not allowed", "sent", "refused", "sender"),
    (552, "5.1.1 Boite du destinataire pleine. Recipient overquota. OFR_417", "rcpt", "refused", "recipient"),
    (421, "4.2.0 Service refuse. Veuillez essayer plus tard. OFR004_104", "mail", "retry", "busy"),
    (550, "5.7.1 Trop de messages envoyes. Too many messages sent. OFR_109", "data", "hold", "limit"),
    (550, "5.7.1 You have exceeded your limit of 1440 mails per 24 hours", "rcpt", "hold", "limit"),
    (451, "4.7.1 Hourly sending limit reached", "rcpt", "hold", "limit"),
    (421, "4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints", "mail", "retry", "busy"),
    (554, "delivery error: dd This user doesn't have a yahoo.com account", "rcpt", "refused", "recipient"),
    (451, "Message rate limit exceeded, try again later", "mail", "retry", "busy"),
    (550, "5.7.0 From address is not one of your addresses", "sent", "refused", "sender"),
    (450, "4.7.1 Daily message limit exceeded", "rcpt", "hold", "limit"),
    (550, "5.2.122 The recipient has exceeded their limit for the number of messages", "rcpt", "retry", "busy"),
    (550, "5.7.705 Access denied, tenant has exceeded threshold", "sent", "hold", "limit"),
    (550, "5.7.232 - Your message can't be sent because your trial tenant", "data", "hold", "limit"),
    (550, "5.5.0 Service refuse. Veuillez essayer plus tard. LPN007_510", "mail", "retry", "busy"),
    (550, "5.7.1 Try again later", "rcpt", "refused", "recipient"),
    # hosts with cPanel, Gandi
    (550, "Domain client.fr has exceeded the max emails per hour (150/150)", "rcpt", "hold", "limit"),
    (550, "Domain client.fr has exceeded the max defers and failures per hour", "rcpt", "hold", "limit"),
    (451, "4.7.1 Too many recipients in the last hour", "rcpt", "hold", "limit"),
    (452, "Too many recipients received this hour", "rcpt", "hold", "limit"),
    (421, "Too many messages in this session", "mail", "retry", "busy"),
    (454, "Throttling failure: Daily message quota exceeded.", "data", "hold", "limit"),
    (454, "Throttling failure: Maximum sending rate exceeded.", "data", "retry", "busy"),
    (554, "5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", "data", "hold", "limit"),
    (550, "Message quota exceeded. You can only send 200 mails per hour", "data", "hold", "limit"),
    (554, "Message rejected: Email address is not verified. a@b.fr", "data", "refused", "sender"),
    (550, "Verification failed for <a@b.fr>: Sender verify failed", "rcpt", "refused", "sender"),
    (550, "5.7.1 Authentication required", "rcpt", "hold", "login"),
    (550, "5.7.26 unauthenticated mail of this domain is not accepted", "data", "refused", "policy"),
    (550, "5.4.6 Unusual sending activity detected. Please try after sometime", "sent", "hold", "limit"),
    (553, "Relaying disallowed as a@b.fr", "rcpt", "refused", "sender"),
    # Postfix
    (450, "4.7.1 Error: too much mail from 192.0.2.1", "mail", "retry", "busy"),
    (421, "4.7.0 mx.client.fr Error: too many errors", "rcpt", "retry", "busy"),
    (452, "4.5.3 Error: too many recipients", "rcpt", "retry", "too_many_recipients"),
    (552, "5.3.4 Message size exceeds fixed limit", "sent", "refused", "size"),
    (554, "5.7.1 <x.client.fr>: Relay access denied", "rcpt", "refused", "policy"),
    (450, "4.1.1 <a@c.fr>: Recipient address rejected: unverified address", "rcpt", "retry", "busy"),
    (550, "User unknown in virtual mailbox table", "rcpt", "refused", "recipient"),
]
# fmt: on


@tagged("post_install", "-at_install")
class TestRetryTable(BaseCase):
    def test_every_answer_has_its_action(self):
        for code, text, stage, action, cause in RETRY_TABLE + PROVIDERS_TABLE:
            with self.subTest(code=code, text=text, stage=stage):
                verdict = smtp_retry.classify(code, text, stage)
                self.assertEqual((verdict.action, verdict.cause), (action, cause))

    @settings(max_examples=200, deadline=None)
    @given(
        st.sampled_from([450, 452, 550, 552, 554]),
        st.sampled_from(["2.1", "2.2", "1.1", "5.3", ""]),
        st.text(alphabet="quota limit exceeded mailbox full over daily 12\n", max_size=60),
    )
    def test_no_word_about_a_recipient_holds_the_mailbox(self, code, detail, words):
        """By the classes of RFC 3463: whatever is said beside them."""
        text = f"{code // 100}.{detail} {words}" if detail else f"quota exceeded: {words.replace('daily', '')}"
        if not re.search("limit|maximum", text) or detail:
            self.assertNotEqual(smtp_retry.classify(code, text, "rcpt").action, smtp_retry.HOLD, text)

    def test_attempts_grow_apart_and_end(self):
        waits = [smtp_retry.classify(451, "", "rcpt", attempt).wait for attempt in range(1, smtp_retry.MAX_ATTEMPTS)]
        self.assertEqual(waits, sorted(waits))
        self.assertEqual(smtp_retry.classify(451, "", "rcpt", smtp_retry.MAX_ATTEMPTS).cause, "gave_up")
        jittered = {smtp_retry.with_jitter(100, random.Random(seed)) for seed in range(50)}
        self.assertGreater(len(jittered), 10)
        self.assertTrue(all(80 <= wait <= 120 for wait in jittered))


@tagged("post_install", "-at_install")
class TestSubmission(BaseCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.journal = Path(folder.name) / "journal"

    def _submit(self, sink, raw=b"Message-ID: <a@b>\r\n\r\n.dot\r\nend\r\n", **options):
        session = smtp_client.connect("127.0.0.1", sink.port, "none")
        try:
            return smtp_client.submit(session, "me@b.fr", ["x@c.fr", "y@c.fr"], raw, **options)
        finally:
            smtp_client.quit_quietly(session)

    def test_all_recipients_in_one_transaction_bytes_unchanged(self):
        with SmtpSink(self.journal) as sink:
            self._submit(sink, optional=("me@b.fr",))
        taken = sink.deliveries()
        self.assertEqual([item.recipient for item in taken], ["x@c.fr", "y@c.fr", "me@b.fr"])
        self.assertEqual(taken[0].raw, "Message-ID: <a@b>\r\n\r\n.dot\r\nend\r\n")

    def test_one_refused_recipient_stops_the_mail_for_all(self):
        with SmtpSink(self.journal, rejects={"y@c.fr": "550 5.1.1 Unknown"}) as sink:
            with self.assertRaises(smtp_client.SubmissionFailed) as caught:
                self._submit(sink)
        self.assertEqual((caught.exception.stage, caught.exception.code), ("rcpt", 550))
        self.assertEqual(caught.exception.refused, ("y@c.fr",))
        self.assertEqual(sink.deliveries(), [])

    def test_a_refused_hidden_copy_does_not_matter(self):
        with SmtpSink(self.journal, rejects={"me@b.fr": "550 No"}) as sink:
            accepted = self._submit(sink, optional=("me@b.fr",))
        self.assertEqual(accepted.skipped, ("me@b.fr",))
        self.assertEqual(len(sink.deliveries()), 2)

    def test_passwords_of_any_characters(self):
        with SmtpSink(self.journal, logins={"anna": "pâss wörd €", "ben": "plain"}) as sink:
            for user, secret, mechanisms in (
                ("anna", "pâss wörd €", "PLAIN LOGIN"),
                ("anna", "pâss wörd €", "LOGIN"),
                ("ben", "plain", "PLAIN LOGIN"),
            ):
                session = smtp_client.connect("127.0.0.1", sink.port, "none")
                session.esmtp_features["auth"] = mechanisms
                smtp_client.login(session, user, "password", secret)
                smtp_client.quit_quietly(session)
            session = smtp_client.connect("127.0.0.1", sink.port, "none")
            with self.assertRaises(smtplib.SMTPAuthenticationError):
                smtp_client.login(session, "anna", "password", "fälsch")
            smtp_client.quit_quietly(session)

    def test_the_stage_of_a_fault_is_known(self):
        for fault, stage in [
            ("drop_mail", "mail"),
            ("busy", "rcpt"),
            ("drop_data", "data"),
            ("drop_after", "sent"),
            ("double", "sent"),
            ("greylist", "sent"),
        ]:
            steps = []
            with self.subTest(fault=fault), SmtpSink(self.journal, choose=lambda rng, fault=fault: fault) as sink:
                with self.assertRaises(smtp_client.SubmissionFailed) as caught:
                    self._submit(sink, raw=b"x" * 20_000_000, before_end=lambda steps=steps: steps.append("end"))
                self.assertEqual(caught.exception.stage, stage)
                self.assertEqual(
                    bool(steps), stage == "sent", "the step before the final dot is recorded exactly when due"
                )


def _resolver(error):
    """A getaddrinfo that fails, or finds a private address."""

    def resolve(host, port, **_options):
        if error:
            raise error
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", port))]

    return resolve


@tagged("post_install", "-at_install")
class TestNameServer(BaseCase):
    def test_mail_waits_for_a_name_server_that_is_down(self):
        """An outage of the name server must not fail every mail that is due; a forbidden address must."""
        for error, action in ((socket.gaierror, "retry"), (None, "refused")):
            with self.assertRaises(smtp_client.SubmissionFailed) as caught, smtp_client.connect_stage():
                HostPolicy(ports=(587,)).pin("smtp.alpha.example", 587, _resolver(error))
            failure = caught.exception
            self.assertEqual(smtp_retry.classify(failure.code, failure.text, failure.stage).action, action)
