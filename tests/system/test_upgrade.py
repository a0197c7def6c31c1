"""A database of the last release, upgraded: every record, external identifier, role and setting is found again."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from lokario_cli.odoo_process import command, process_environment, tail, write_configuration
from lokario_cli.paths import ADDONS, OPTIONAL, ROOT, SERVER_MODULES, STATE

HERE = Path(__file__).parent / "upgrade"
RELEASE = (HERE / "last_release.txt").read_text().strip()
OURS = ("lokario_", "mailbox_", "inbox_", "engine_", "saas_")  # first parts of the names of our tables
EXTENDED = ("res_company", "res_users")  # core tables with columns of ours
# Columns that an upgrade changes rightly, with the reason.
CHANGED = {"write_date", "write_uid"}
# Values that have another name now: {table.column: {old: new}}.
RENAMED = {
    "inbox_outgoing.state": {"unsettled": "verifying"},
    "inbox_ai_decision.outcome": {"refused": "drafted"},
    "inbox_ai_decision.reason": {"sample": "not_earned"},
    "lokario_delivery.state": {"retry": "queued", "hold": "queued", "sending": "verifying", "uncertain": "verifying"},
}
# Tables whose model has another name now.
TABLE_NAMES = {"inbox_placement": "inbox_message_location"}
# Values that are translated now.
TRANSLATED = {"lokario_penalty_rate.source"}
# What a mail that waited to be built has now.
FILLED = {"inbox_outgoing.message_id_header", "inbox_outgoing.conversation_id"}
GONE = {"ir.cron ir_cron_settle_deliveries"}  # the outbox verifies what is unclear
OUTBOX = """SELECT json_object_agg(m.subject || ' ' || m.integration_id, json_build_object(
                   'state', m.state, 'header', m.message_id_header, 'recipients', m.recipients,
                   'handed_over', m.handed_over_at IS NOT NULL, 'attempts', m.attempts, 'bytes', a.checksum))
              FROM mailbox_outgoing m
              JOIN ir_attachment a ON a.res_model = 'mailbox.outgoing' AND a.res_field = 'raw' AND a.res_id = m.id"""
BYTES = """SELECT json_object_agg(o.subject || ' ' || o.integration_id, a.checksum) FROM inbox_outgoing o
             JOIN ir_attachment a ON a.res_model = 'inbox.outgoing' AND a.res_field = 'raw' AND a.res_id = o.id"""
TABLES = "SELECT json_agg(tablename ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'"
COLUMNS = """SELECT json_agg(column_name) FROM information_schema.columns
              WHERE table_schema = 'public' AND table_name = '{table}'"""
ROWS = "SELECT coalesce(json_object_agg(id, to_jsonb(t)), '{{}}') FROM {table} t"
ROLES = """
SELECT json_agg(DISTINCT u.login || ' ' || d.name) FROM res_groups_users_rel r JOIN res_users u ON u.id = r.uid
  JOIN ir_model_data d ON d.model = 'res.groups' AND d.res_id = r.gid
 WHERE u.login LIKE '%@up.test' AND d.module IN {ours}
"""
IDENTIFIERS = """
SELECT json_object_agg(model || ' ' || name, res_id) FROM ir_model_data WHERE module IN {ours}
   AND model IN ('ir.cron', 'mail.template', 'res.groups', 'ir.sequence', 'ir.config_parameter', 'ir.ui.menu',
                 'ir.actions.act_window', 'ir.actions.report')
"""
# Campaigns moved from email_engine_bridge, mailboxes from lokario_inbox: screens, rights and jobs are the same records.
MOVED = """
SELECT json_object_agg(model || ' ' || name, res_id) FROM ir_model_data
 WHERE (name LIKE '%engine%' OR name LIKE '%inbox%') AND module IN {ours}
   AND model IN ('ir.ui.menu', 'ir.ui.view', 'ir.actions.act_window', 'ir.model.access', 'ir.rule', 'ir.model',
                 'queue.job.function', 'queue.job.channel', 'fastapi.endpoint')
"""
MERGED = {"ir.ui.view inbox_integration_view_form_sending"}  # views that became part of the one they extended
UNINSTALLED = "SELECT json_agg(name) FROM ir_module_module WHERE name IN {ours} AND state != 'installed'"
# An addon that was cut out of another one keeps the name of a setting behind the addon's.
SETTINGS = """SELECT json_object_agg(split_part(key, '.', 2), value) FROM ir_config_parameter
               WHERE split_part(key, '.', 2) IN ('allowed_hosts', 'critical_hours', 'appointment_hours')"""
# Whom a role was never given, or taken from, must not get one of the addons that were cut out.
MAILBOX_USERS = """
SELECT coalesce(json_agg(u.login), '[]') FROM res_groups_users_rel r JOIN res_users u ON u.id = r.uid
  JOIN ir_model_data d ON d.model = 'res.groups' AND d.res_id = r.gid
 WHERE u.login LIKE '%@up.test' AND d.module = 'lokario_mailbox'
"""
EDITED = "SELECT count(*) FROM mail_template WHERE subject::text LIKE '%Edited by hand%'"
CRON = """SELECT json_object_agg(d.name, interval_number || ' ' || interval_type)
            FROM ir_cron c JOIN ir_model_data d ON d.model = 'ir.cron' AND d.res_id = c.id
           WHERE d.module IN {ours}"""
# Addons that are new: an upgrade installs none of them.
CHOICES = {"saas_manager_webhook", "saas_notification", "saas_notification_account", "saas_notification_sms"}
# Groups that an addon brings for what other groups allowed before.
NEW_GROUPS = {"group_lokario_reminder_manager"}


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """The last release's own code; a clone without history cannot have it."""
    folder = tmp_path_factory.mktemp("release") / "suite"
    git = ["git", "-C", str(ROOT)]
    if subprocess.run([*git, "cat-file", "-e", RELEASE], capture_output=True, check=False).returncode:
        pytest.skip(f"this clone does not have the commit {RELEASE}")
    subprocess.run([*git, "worktree", "add", "--detach", str(folder), RELEASE], check=True, capture_output=True)
    yield folder
    subprocess.run([*git, "worktree", "remove", "--force", str(folder)], check=True, capture_output=True)


class Old:
    """A database of the last release."""

    def __init__(self, environment, code: Path):
        self.environment, self.code = environment, code
        self.name = environment.clone(environment.template(), f"upgrade_{os.getpid()}")
        self.log = STATE / "logs" / "upgrade.log"
        options = environment.options(**{"addons_path": str(code), "lokario/manager_db": self.name})
        self.conf = write_configuration(STATE / "conf" / f"{self.name}-old.conf", options)

    def run(self, *arguments, script: str | None = None) -> str:
        program, odoo = command()
        verb = ["shell"] if script else []
        done = subprocess.run(
            [program, odoo, *verb, "-c", str(self.conf), "-d", self.name, "--no-http", *arguments],
            env={**process_environment(), "PYTHONPATH": str(self.code)},
            input=script,
            stdout=subprocess.PIPE,
            stderr=self.log.open("a"),
            text=True,
            check=False,
        )
        assert done.returncode == 0, tail(self.log)
        return done.stdout

    def ask(self, query: str):
        return json.loads(self.environment.cluster.psql(query, self.name) or "null")

    def snapshot(self) -> dict:
        ours = "('" + "','".join(ADDONS) + "')"
        tables = [table for table in self.ask(TABLES) if table.startswith(OURS) or table in EXTENDED]
        return {
            "rows": {table: self.ask(ROWS.format(table=table)) for table in tables if "id" in self.columns(table)},
            "roles": self.ask(ROLES.format(ours=ours)),
            "identifiers": self.ask(IDENTIFIERS.format(ours=ours)),
            "moved": self.ask(MOVED.format(ours=ours)),
            "uninstalled": self.ask(UNINSTALLED.format(ours=ours)),
            "edited": self.ask(EDITED),
            "cron": self.ask(CRON.format(ours=ours)),
            "settings": self.ask(SETTINGS),
            "mailbox_users": self.ask(MAILBOX_USERS),
            "outbox": self.ask(OUTBOX) if "mailbox_outgoing" in tables else None,
            "bytes": self.ask(BYTES),
        }

    def columns(self, table: str) -> list[str]:
        return self.ask(COLUMNS.format(table=table))


@pytest.fixture(scope="module")
def before_and_after(environment, release):
    old = Old(environment, release)
    try:
        addons = {path.parent.name for path in release.glob("*/__manifest__.py")} - set(SERVER_MODULES)
        old.run("-i", ",".join(sorted(addons)), "--stop-after-init")
        assert "SEEDED" in old.run(script=(HERE / "seed.py").read_text()), tail(old.log)
        before = old.snapshot()
        environment.run_odoo(old.name, "-u", "lokario_base", "--stop-after-init")
        yield before, old.snapshot()
    finally:
        environment.drop(old.name)


def rows_of(before_and_after):
    """Return {table: {id: row}} of both, by the names of today."""
    before, after = (snapshot["rows"] for snapshot in before_and_after)
    return {TABLE_NAMES.get(table, table): rows for table, rows in before.items()}, after


def test_every_record_is_found_again(before_and_after):
    before, after = rows_of(before_and_after)
    assert sum(map(len, before.values())) > 100, "the seed made hardly anything"
    missing = {table: set(rows) - set(after.get(table, {})) for table, rows in before.items()}
    assert not {table: ids for table, ids in missing.items() if ids}


def _is_kept(column, value, now):
    if value is None and column in FILLED:
        return True
    if column in TRANSLATED:
        return now["en_US"] == value
    return now == (RENAMED[column].get(value, value) if column in RENAMED else value)


def test_values_are_kept(before_and_after):
    before, after = rows_of(before_and_after)
    assert before["inbox_message_location"]
    changed = [
        f"{table} {row_id} {column}: {value!r} became {after[table][row_id][column]!r}"
        for table, rows in before.items()
        for row_id, row in rows.items()
        for column, value in row.items()
        if column not in CHANGED and column in after[table][row_id]
        if not _is_kept(f"{table}.{column}", value, after[table][row_id][column])
    ]
    assert not changed


def test_roles_are_kept(before_and_after):
    before, after = (set(snapshot["roles"]) for snapshot in before_and_after)
    assert before
    assert {role for role in after if role.split()[1] not in NEW_GROUPS} == before


@pytest.mark.parametrize("what", ["edited", "settings"])
def test_what_people_set_is_kept(before_and_after, what):
    before, after = before_and_after
    assert before[what]
    assert after[what] == before[what]


def test_scheduled_actions_keep_their_intervals(before_and_after):
    before, after = (snapshot["cron"] for snapshot in before_and_after)
    assert before["ir_cron_account_deletions"] == "1 hours"
    assert {name: after.get(name) for name in before if f"ir.cron {name}" not in GONE} == {
        name: interval for name, interval in before.items() if f"ir.cron {name}" not in GONE
    }


def test_an_upgrade_gives_no_role_of_mailboxes(before_and_after):
    """Agents have it through the role of the inbox, which implies it."""
    _before, after = before_and_after
    assert after["mailbox_users"] == []


def test_external_identifiers_name_the_same_records(before_and_after):
    before, after = (snapshot["identifiers"] for snapshot in before_and_after)
    assert {name: after.get(name) for name in before if name not in GONE} == {
        name: found for name, found in before.items() if name not in GONE
    }


def test_screens_and_rights_that_moved_are_kept(before_and_after):
    before, after = (snapshot["moved"] for snapshot in before_and_after)
    [(former, now)] = TABLE_NAMES.items()
    kept = {name.replace(former, now): record for name, record in before.items() if name not in MERGED}
    assert {name: after.get(name) for name in kept} == kept


def test_what_became_an_addon_of_its_own_is_installed(before_and_after):
    assert set(before_and_after[1]["uninstalled"]) == {*CHOICES, *OPTIONAL}


def test_what_the_gate_found_is_a_warning(before_and_after):
    """Nothing leaves automatically after the upgrade before a manager has approved passages."""
    before, after = (snapshot["rows"]["inbox_ai_decision"] for snapshot in before_and_after)
    found = {row_id: row["gate_reasons"] for row_id, row in before.items() if row["gate_reasons"]}
    assert len(found) == 2
    assert {row_id: after[row_id]["warnings"] for row_id in found} == found
    assert before_and_after[1]["rows"]["inbox_answer_block"] == {}
    assert {row["mode"] for row in before_and_after[1]["rows"]["inbox_ai_policy"].values()} == {"auto"}


def test_the_engine_sends_as_before(before_and_after):
    """Templates stay what they were written in, campaigns have all their people, messages leave the way they did."""
    before, after = (snapshot["rows"] for snapshot in before_and_after)
    assert len(before["engine_template"]) > 1
    assert {(row["form"], row["mjml"]) for row in after["engine_template"].values()} == {("html", None)}
    assert {row["message_transport"] for row in after["engine_tenant"].values()} == {"powermta"}
    assert not any(row["is_preparing"] for row in after["engine_campaign"].values())
    sources = {row["source"] for row in after["engine_suppression"].values()}
    assert sources == {"screen"}, "those of the seed were made by hand"


def test_what_is_on_its_way_is_in_the_outbox_once(before_and_after):
    """The same bytes, the same Message-ID; what may have left is verified, never sent again on a guess."""
    before, after = before_and_after
    rows, outbox = before["rows"], after["outbox"]
    states = {"queued": "queued", "built": "queued", "unclear": "verifying", "sent": "sent"}
    drafts = [row for row in rows["inbox_outgoing"].values() if row["subject"].startswith("Mail ")]
    assert len(drafts) == 10
    for draft in drafts:
        mail = outbox.get(f"{draft['subject']} {draft['integration_id']}")
        state = states.get(draft["subject"].removeprefix("Mail "))
        assert (mail and mail["state"]) == state, draft["subject"]
        if draft["message_id_header"]:
            assert mail["header"] == draft["message_id_header"]
            assert mail["bytes"] == before["bytes"][f"{draft['subject']} {draft['integration_id']}"]
            assert mail["handed_over"] == bool(draft["handed_over_at"])
    quotes = {subject: mail for subject, mail in outbox.items() if subject.startswith("Quote ")}
    states = {subject.split()[1]: mail["state"] for subject, mail in quotes.items()}
    assert states == {"sending": "verifying", "uncertain": "verifying", "sent": "sent"}, "the others are built anew"
    assert all(mail["handed_over"] for mail in quotes.values())
    linked = [row for row in after["rows"]["lokario_delivery"].values() if row["outgoing_id"]]
    assert len(linked) == len(quotes) == 6


def test_a_copy_to_be_filed_has_its_bytes_in_the_outbox(before_and_after):
    before, after = (snapshot["rows"]["inbox_sent_copy"] for snapshot in before_and_after)
    assert len(before) == 4
    assert all(row["outgoing_id"] for row in after.values())
    assert {number: row["has_self_copy"] for number, row in after.items()} == {
        number: row["hidden_copy"] for number, row in before.items()
    }
