"""The outbox against the wall clock: a real server with its own scheduler, buttons pressed over HTTP.

What is timed here cannot be seen with a clock that tests move: the undo window, the kill switch.
"""

import re
import shutil
import tempfile
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import pytest

from lokario_cli.odoo_process import Server
from lokario_testing.environments.client import OdooClient
from lokario_testing.environments.llm import LlmServer
from lokario_testing.environments.mail import MailEnvironment
from lokario_testing.environments.smtp_sink import SmtpSink

ADDRESS, PASSWORD, ADMIN = "contact@alpha.example", "alpha-mailbox-pw", "Journal-de-bord-42!"
CUSTOMERS = 14
CRAWL = 1.2  # seconds the slow server lets a sender wait before it takes a mail
TRUST = """
INSERT INTO inbox_ai_decision (company_id, integration_id, message_id, purpose, state, intent_id, is_composed,
                               prompt_version, outcome, judged_at, is_draft, is_accepted)
SELECT m.company_id, m.integration_id, m.id, 'reply', 'done', {intent}, TRUE, 'old' || n, 'approved', now(), TRUE, 1
  FROM (SELECT * FROM inbox_message LIMIT 1) m, generate_series(1, 40) n
"""


def choose_hours(messages):
    """A model that chooses the passages about opening hours; they are the only ones."""
    offered = re.findall(r"^(\d+) \((?:greeting|body|closing), ", messages[-1]["content"], re.MULTILINE)
    return {"intent": "hours", "confidence": 0.9, "language": "fr", "blocks": [int(number) for number in offered]}


class Office:
    """A company with one mailbox, a person at the web client, a model, and a server that can be made slow."""

    def __init__(self, cluster, database, server, mail, sink, llm):
        self.cluster, self.database, self.mail, self.sink, self.llm = cluster, database, mail, sink, llm
        self.client = OdooClient(server.url)
        self.client.login(database, "admin", ADMIN)

    def sql(self, query):
        return self.cluster.psql(query, self.database)

    def wait(self, condition, what, timeout=120):
        until = time.monotonic() + timeout
        while not (found := condition()):
            assert time.monotonic() < until, f"{what} never came"
            time.sleep(0.05)
        return found

    def count(self, table, condition):
        return int(self.sql(f"SELECT count(*) FROM {table} WHERE {condition}"))

    def customer_writes(self, number):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = f"c{number}@client.example", ADDRESS, f"Question {number}"
        mail["Message-ID"], mail["Date"] = f"<q{number}@client.example>", format_datetime(datetime.now(UTC))
        mail.set_content("Bonjour, quels sont vos horaires ?")
        self.mail.deliver(ADDRESS, mail.as_bytes())

    def longest_sending_run(self):
        """Seconds between the first and the last sign of life of a run of the outbox."""
        runs = "FROM ir_cron_progress p JOIN ir_model_data d ON d.model = 'ir.cron' AND d.res_id = p.cron_id"
        name = "d.module = 'lokario_mailbox' AND d.name = 'ir_cron_send_outgoing'"
        return float(self.sql(f"SELECT max(extract(epoch FROM p.write_date - p.create_date)) {runs} WHERE {name}"))

    def received(self):
        return [item for item in self.sink.deliveries() if item.recipient != ADDRESS]


@pytest.fixture(scope="module")
def office(environment, suite_database):
    cluster, database = environment.cluster, environment.clone(suite_database, "suite_for_outbox")
    folder = Path(tempfile.mkdtemp(prefix="lokario-mail-"))  # Dovecot's own user must reach it
    with MailEnvironment(folder, driver="maildir") as mail, LlmServer(choose_hours) as llm:
        mail.add_user(ADDRESS, PASSWORD)
        with SmtpSink(
            folder / "journal", deliver=mail.deliver, mailboxes=frozenset({ADDRESS}), logins={ADDRESS: PASSWORD}
        ) as sink:
            ports = ",".join(f"127.0.0.1:{port}" for port in (mail.imap_port, sink.port, llm.port))
            cluster.psql(
                "DELETE FROM ir_config_parameter WHERE key = 'lokario_mailbox.allowed_hosts';"
                f"INSERT INTO ir_config_parameter (key, value) VALUES ('lokario_mailbox.allowed_hosts', '{ports}');"
                f"UPDATE res_users SET password = '{ADMIN}' WHERE login = 'admin'",
                database,
            )
            options = environment.options(db_name=database, max_cron_threads=2, **{"lokario/manager_db": database})
            with Server("outbox-clock", options) as server:
                yield Office(cluster, database, server, mail, sink, llm)
    shutil.rmtree(folder, ignore_errors=True)
    environment.drop(database)


@pytest.fixture(scope="module")
def mailbox(office):
    values = {"imap_host": "127.0.0.1", "imap_port": office.mail.imap_port, "imap_security": "none"}
    values |= {"smtp_host": "127.0.0.1", "smtp_port": office.sink.port, "smtp_security": "none"}
    values |= {"name": "Alpha", "email_address": ADDRESS, "email_password": PASSWORD, "visibility": "shared"}
    return office.client.create("inbox.integration", values)


def test_a_mail_leaves_right_after_its_undo_window(office, mailbox):
    office.sql("UPDATE res_company SET inbox_undo_seconds = 5")
    values = {"integration_id": mailbox, "email_to": "anne@client.example", "subject": "Devis"}
    mail = office.client.create("inbox.outgoing", {**values, "body_html": "<p>Bonjour</p>"})
    office.client.call("inbox.outgoing", "action_send", [mail])
    pressed = time.time()
    (delivery,) = office.wait(office.received, "the mail", timeout=120)
    assert 4 <= delivery.time - pressed <= 8, "seconds after the button; the window is 5"
    assert office.longest_sending_run() < 4, "the scheduler is free while the window runs"
    office.sql("UPDATE res_company SET inbox_undo_seconds = 0")


def approved_hours(client):
    """A question and approved passages that answer it."""
    language = client.call("res.lang", "search", [("code", "=", "fr_FR"), ("active", "in", [True, False])])
    client.call("res.lang", "write", language, {"active": True})
    values = {"name": "Horaires", "code": "hours", "words": "horaires", "is_automatic": True}
    intent = client.create("inbox.answer.intent", values)
    body = {
        "kind": "body",
        "name": "Nos horaires",
        "text": "Lundi à vendredi, 9h à 18h.",
        "intent_ids": [[6, 0, [intent]]],
    }
    greeting = {"kind": "greeting", "name": "Salutation", "text": "Bonjour,"}
    blocks = [client.create("inbox.answer.block", {"lang": "fr_FR", **values}) for values in (greeting, body)]
    client.call("inbox.answer.block", "action_approve", blocks)
    return intent


def test_the_kill_switch_holds_within_a_second(office, mailbox):
    """The button, while the sender is in the middle of a batch of automatic answers at a slow server."""
    client = office.client
    provider = client.create("inbox.ai.provider", {"name": "M", "base_url": office.llm.url, "model_name": "tiny"})
    settings = client.create("inbox.answer.settings", {"inbox_ai_provider_id": provider})
    client.create("inbox.ai.policy", {"integration_id": mailbox, "mode": "auto"})
    intent = approved_hours(client)
    office.customer_writes(0)
    client.call("inbox.integration", "action_sync", [mailbox])
    office.wait(lambda: office.count("inbox_ai_decision", "outcome = 'drafted'"), "the first draft")
    office.sql(TRUST.format(intent=intent))
    office.sink.journal.write_text("")
    office.sink.slowness, office.sink.choose = CRAWL, lambda rng: "crawl"
    for number in range(1, CUSTOMERS):
        office.customer_writes(number)
    client.call("inbox.integration", "action_sync", [mailbox])
    office.wait(lambda: len(office.received()) >= 2, "the second answer")
    client.call("inbox.answer.settings", "action_stop", [settings])
    stopped = time.time()
    office.wait(lambda: not office.count("inbox_ai_decision", "state != 'done'"), "the end of the questions")
    office.wait(
        lambda: not office.count("inbox_outgoing", "is_automatic AND state IN ('scheduled', 'sending')"), "the stop"
    )
    left_alone = office.count("inbox_outgoing", "is_automatic AND state = 'cancelled' AND cause = 'not_allowed'")
    office.wait(lambda: not office.sink.talking, "the end of what was in flight")
    late = [round(item.time - stopped, 2) for item in office.received() if item.time > stopped]
    print(
        f"\nkill switch: sent before the button {len(office.received())}, stopped by it {left_alone}, after it {late}"
    )
    assert all(seconds <= 1 for seconds in late)
    assert left_alone >= 3
    office.wait(lambda: not office.count("inbox_ai_decision", "outcome = 'queued'"), "the word of what was stopped")
