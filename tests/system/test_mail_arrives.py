"""Mail that is there when it arrives: server, watcher and Dovecot as in production; no call, no five minutes."""

import contextlib
import shutil
import tempfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from lokario_cli.odoo_process import TEST_SECRETS, MailWatcher, Server
from lokario_testing.environments.bus import Bus
from lokario_testing.environments.client import OdooClient
from lokario_testing.environments.mail import MailEnvironment

PASSWORD = "Boite-42-de-test!"
URL = f"/inbox/integrations/sync-all?secret={TEST_SECRETS['CRON_SECRET']}"
NO_TIMETABLE = """
    UPDATE ir_cron SET nextcall = now() + interval '1 day';
    UPDATE inbox_integrations SET next_sync_at = now() + interval '1 day';
"""


def letter(address, subject):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Client <client@example.org>", address, subject
    mail["Message-ID"] = f"<{subject.replace(' ', '.')}@example.org>"
    mail.set_content("Bonjour")
    return mail.as_bytes()


@pytest.fixture(scope="module")
def office(environment, suite_database):
    """(client, mail provider, {address: mailbox} in two companies, synchronised once, and the server)."""
    database = environment.clone(suite_database, "suite_for_watch")
    options = environment.options(db_name=database, max_cron_threads=2, **{"lokario/manager_db": database})
    folder = Path(tempfile.mkdtemp(prefix="lokario-mail-"))
    with contextlib.ExitStack() as stack:
        stack.callback(environment.drop, database)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        mail = stack.enter_context(MailEnvironment(folder, everybody=PASSWORD))
        environment.cluster.psql(
            "INSERT INTO ir_config_parameter (key, value)"
            f" VALUES ('lokario_mailbox.allowed_hosts', '127.0.0.1:{mail.imap_port}')"
            " ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value",
            database,
        )
        server = stack.enter_context(Server("watch", options))
        client = OdooClient(server.url)
        client.login(database, "admin", "admin")
        boxes = {}
        for company in (1, client.create("res.company", {"name": "Filiale belge"})):
            address = f"boite.{company}@mail.test"
            boxes[address] = client.create("inbox.integration", {
                "name": address, "email_address": address, "email_password": PASSWORD, "company_id": company,
                "visibility": "shared", "imap_host": "127.0.0.1", "imap_port": mail.imap_port, "imap_security": "none",
            })  # fmt: skip
        assert OdooClient(server.url).open(URL)[0] == 200
        environment.cluster.psql(NO_TIMETABLE, database)
        yield client, mail, boxes, server


def test_mail_is_in_the_open_browser_by_itself(office):
    """Mailboxes of two companies; the first mail may come before a line is open, the others while it is."""
    client, mail, boxes, server = office
    with Bus(client) as bus, MailWatcher(server):
        for turn in range(3):
            for address, box in boxes.items():
                subject = f"Tour {turn} {box}"
                mail.deliver(address, letter(address, subject))
                wanted = [("integration_id", "=", box), ("subject", "=", subject)]
                while bus.next("lokario_inbox/changed")["integration_id"] != box or not client.find(
                    "inbox.message", wanted
                ):
                    pass  # a message of an earlier change
    assert "Watching the mailboxes" in (server.log.parent / "watch-server-watch.log").read_text()
