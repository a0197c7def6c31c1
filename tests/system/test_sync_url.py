"""The documented URL of the synchronisation on a real server and a real Dovecot: several companies and mailboxes."""

import json
import shutil
import tempfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from lokario_cli.odoo_process import TEST_SECRETS, Server
from lokario_testing.environments.client import OdooClient
from lokario_testing.environments.mail import MailEnvironment

PASSWORD = "Boite-42-de-test!"
URL = f"/inbox/integrations/sync-all?secret={TEST_SECRETS['CRON_SECRET']}"
DONE = "Synchronisation inbox terminée avec succès"
LOG_LINE = "🔄 Déclenchement de la synchronisation inbox via API..."


class Office:
    def __init__(self, environment, database, server, mail):
        self.environment, self.database, self.server, self.mail = environment, database, server, mail
        self.client = OdooClient(server.url)
        self.client.login(database, "admin", "admin")
        self.boxes = {}

    def sql(self, query):
        return self.environment.cluster.psql(query, self.database)

    def add_mailboxes(self):
        companies = [1, self.client.create("res.company", {"name": "Filiale belge"})]
        for company in companies:
            for number in (1, 2):
                address = f"boite{number}.{company}@mail.test"
                self.boxes[address] = self.client.create("inbox.integration", {
                    "name": address, "email_address": address, "email_password": PASSWORD, "company_id": company,
                    "visibility": "shared", "imap_host": "127.0.0.1", "imap_port": self.mail.imap_port,
                    "imap_security": "none",
                })  # fmt: skip

    def deliver(self, address, subject):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "Client <client@example.org>", address, subject
        mail["Message-ID"] = f"<{subject.replace(' ', '.')}@example.org>"
        mail.set_content("Bonjour")
        self.mail.deliver(address, mail.as_bytes())

    def call(self):
        status, body = OdooClient(self.server.url).open(URL)
        answer = json.loads(body)
        assert set(answer) == {"success", "message", "timestamp"}
        return status, answer

    def has(self, subject):
        return self.sql(f"SELECT count(*) FROM inbox_message WHERE subject = '{subject}'").strip() == "1"


@pytest.fixture(scope="module")
def office(environment, suite_database):
    database = environment.clone(suite_database, "suite_for_sync_url")
    options = environment.options(db_name=database, max_cron_threads=0, **{"lokario/manager_db": database})
    folder = Path(tempfile.mkdtemp(prefix="lokario-mail-"))
    with MailEnvironment(folder, driver="maildir", everybody=PASSWORD) as mail:
        environment.cluster.psql(
            "DELETE FROM ir_config_parameter WHERE key = 'lokario_mailbox.allowed_hosts';"
            "INSERT INTO ir_config_parameter (key, value) "
            f"VALUES ('lokario_mailbox.allowed_hosts', '127.0.0.1:{mail.imap_port}')",
            database,
        )
        with Server("sync-url", options) as server:
            office = Office(environment, database, server, mail)
            office.add_mailboxes()
            yield office
    shutil.rmtree(folder, ignore_errors=True)
    environment.drop(database)


def test_each_call_brings_what_has_arrived(office):
    """Calls a few seconds apart: no mailbox waits for its five minutes, in neither company."""
    for turn in range(3):
        for address in office.boxes:
            office.deliver(address, f"Tour {turn} {address}")
        status, answer = office.call()
        assert (status, answer["success"], answer["message"]) == (200, True, DONE)
        assert all(office.has(f"Tour {turn} {address}") for address in office.boxes)
    lines = office.server.log.read_text().splitlines()
    assert sum(line.rstrip().endswith(f": {LOG_LINE}") for line in lines) == 3


def test_one_mailbox_that_fails_does_not_fail_the_call_all_do(office):
    *others, last = office.boxes.values()
    office.client.call("inbox.integration", "write", [last], {"email_password": "wrong"})
    assert office.call()[0] == 200
    assert office.sql("SELECT count(*) FROM inbox_integrations WHERE state = 'error'").strip() == "1"
    office.client.call("inbox.integration", "write", others, {"email_password": "wrong"})
    status, answer = office.call()
    assert (status, answer["success"]) == (500, False)
    tries = "SELECT array_agg(failure_count ORDER BY id) FROM inbox_integrations"
    before = office.sql(tries)
    assert office.call()[0] == 500, "all of them wait for their next try"
    assert office.sql(tries) == before, "nobody knocks again before its time"
    for box in office.boxes.values():
        office.client.call("inbox.integration", "write", [box], {"email_password": PASSWORD})
    assert office.call()[0] == 200
    assert office.sql("SELECT DISTINCT state FROM inbox_integrations").strip() == "connected"
