import random
import socket
import tempfile
from pathlib import Path

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


@tagged("post_install", "-at_install")
class TestRetryTable(BaseCase):
    def test_every_answer_has_its_action(self):
        for code, text, stage, action, cause in RETRY_TABLE:
            with self.subTest(code=code, text=text, stage=stage):
                verdict = smtp_retry.classify(code, text, stage)
                self.assertEqual((verdict.action, verdict.cause), (action, cause))

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
