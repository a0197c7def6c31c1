"""What is done to databases, against a real PostgreSQL and without a server: secrets, races, drops."""

import base64
import contextlib
import functools
import subprocess
import threading
import time
import uuid

import psycopg2
import pytest
from fleet import BUSY

from lokario_cli.setup.postgres import binaries
from lokario_testing.environments.provisioning import instance_tools


@pytest.fixture(scope="session")
def tools():
    return instance_tools()


@pytest.fixture
def postgres(environment, tools):
    options = environment.cluster.odoo_options()
    return tools.postgres_admin.PostgresAdmin(
        options["db_host"], int(options.get("db_port") or 0), options["db_user"], options.get("db_password") or ""
    )


@pytest.fixture
def tag(tools):
    return tools.postgres_admin.OwnershipTag("test", uuid.uuid4().hex)


@pytest.fixture
def hidden(environment, postgres, tag, instance_template):
    """A dark copy of a small template; removed afterwards."""
    name = f"t-dark-{uuid.uuid4().hex[:8]}"
    postgres.clone_hidden(instance_template, name, tag)
    yield name
    environment.drop(name)


def test_a_dark_copy_is_invisible_until_published(postgres, tag, hidden):
    assert postgres.find(hidden).is_template
    assert postgres.find(hidden).comment == str(tag)
    postgres.publish(hidden, tag)
    database = postgres.find(hidden)
    assert (database.is_template, database.allow_connections) == (False, True)


def test_the_sequences_of_a_frozen_template_are_safe_in_its_copies(environment, postgres, hidden):
    """A copy of values logged ahead would give out its first numbers again after a crash of PostgreSQL."""
    state = "SELECT last_value, is_called, log_cnt > 0 FROM"
    states = f"{state} used UNION ALL {state} new"
    psql = functools.partial(environment.cluster.psql, database=hidden, role="odoo")
    psql("CREATE SEQUENCE new; CREATE SEQUENCE used; SELECT nextval('used')")
    assert psql(states).split() == ["1|t|t", "1|f|f"]
    postgres.freeze(hidden)
    assert psql(states).split() == ["1|t|f", "1|f|f"]


@pytest.fixture
def handed_over(environment, postgres, hidden):
    """The dark copy in the hands of a client's role: PostgreSQL as this role enters it."""
    if not postgres.is_prepared():
        pytest.skip("this PostgreSQL has no roles of instances")
    environment.cluster.close_catalogues(hidden)
    role = f"tenant_{uuid.uuid4().hex[:12]}"
    postgres.create_role(hidden, role, "x", 2)
    with postgres.session(hidden) as connection:
        postgres.hand_over(connection, role)
    environment.cluster.psql(f'ALTER DATABASE "{hidden}" ALLOW_CONNECTIONS true')
    yield postgres.as_role(role, "x")
    environment.drop(hidden)
    postgres.drop_role(role)


POISONED = """
ALTER ROLE CURRENT_USER SET search_path = public, pg_catalog;
ALTER ROLE CURRENT_USER SET default_transaction_read_only = on;
CREATE AGGREGATE public.max(timestamp) (SFUNC = timestamp_larger, STYPE = timestamp);
ALTER TABLE res_users_log RENAME TO true_log;
CREATE VIEW res_users_log AS SELECT create_uid, {moment} AS create_date FROM res_users_log_of;
"""
TRAP = """
DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$
"""


@pytest.mark.parametrize("moment", ["'infinity'::timestamp", "'200000-01-01'::timestamp", "'4000-01-01 BC'::timestamp",
                                    "'2026-01-01'::timestamptz", "NULL::text"])  # fmt: skip
def test_what_a_client_has_put_into_his_database_stops_nobody_who_looks(tools, handed_over, hidden, moment):
    with handed_over.session(hidden) as connection:
        users = tools.admin_credentials.count_of_users(connection)
        connection.cursor().execute(POISONED.replace("res_users_log_of", "true_log").format(moment=moment))
        connection.cursor().execute("INSERT INTO true_log (create_uid) SELECT id FROM res_users")
    with handed_over.session(hidden) as connection:
        assert tools.admin_credentials.count_of_users(connection) == users > 0
        found = tools.admin_credentials.last_login(connection)
        assert found is None or found.tzinfo is None
        connection.cursor().execute("UPDATE true_log SET create_date = now()")


def test_a_look_into_a_clients_database_ends_whatever_he_traps(handed_over, hidden):
    start = time.monotonic()
    with pytest.raises(psycopg2.Error), handed_over.session(hidden, seconds=0.5) as connection:
        connection.cursor().execute(TRAP)
    assert time.monotonic() - start < BUSY


def test_the_size_of_a_clients_database_is_known(postgres, handed_over, hidden):
    assert postgres.size(hidden) > 1_000_000
    with pytest.raises(psycopg2.errors.InsufficientPrivilege), handed_over.session(hidden) as connection:
        connection.cursor().execute("SELECT pg_database_size(current_database())")


@pytest.mark.parametrize(("addon", "may_lock"), [("mail", False), ("lokario_mailbox", True)])
def test_only_who_needs_advisory_locks_may_take_them(environment, hidden, request, addon, may_lock):
    """All databases share one table of locks: whoever fills it stops them all."""
    installed = f"INSERT INTO ir_module_module (name, state) VALUES ('{addon}', 'installed')"
    environment.cluster.psql(f"{installed} ON CONFLICT (name) DO UPDATE SET state = 'installed'", hidden)
    client = request.getfixturevalue("handed_over")
    with client.session(hidden) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT has_function_privilege('pg_try_advisory_lock(bigint)', 'EXECUTE')")
        assert cursor.fetchone() == (may_lock,)


def test_another_managers_database_is_refused(postgres, tools, tag, hidden):
    from odoo.addons.saas_manager.exceptions import OwnershipError

    stranger = tools.postgres_admin.OwnershipTag("another manager", tag.owner)
    for action in (postgres.publish, postgres.hide, postgres.seal, postgres.drop):
        with pytest.raises(OwnershipError):
            action(hidden, stranger)
    assert postgres.find(hidden).is_template


def test_a_database_in_the_way_is_kept(postgres, tools, tag, hidden, instance_template):
    from odoo.addons.saas_manager.exceptions import DatabaseExists

    with pytest.raises(DatabaseExists):
        postgres.clone_hidden(instance_template, hidden, tools.postgres_admin.OwnershipTag("test", "another"))
    assert postgres.find(hidden).comment == str(tag)


def test_drops_under_reconnecting_clients(environment, postgres, tag, instance_template):
    """20 of 20 succeed, each within a second, while clients come back as fast as they can."""
    durations = []
    options = environment.cluster.odoo_options()
    for _round in range(20):
        name = f"t-drop-{uuid.uuid4().hex[:8]}"
        postgres.clone_hidden(instance_template, name, tag)
        postgres.publish(name, tag)
        with reconnecting_clients(options, name):
            start = time.monotonic()
            assert postgres.drop(name, tag)
            durations.append(time.monotonic() - start)
        assert postgres.find(name) is None
    assert max(durations) <= BUSY, durations


@contextlib.contextmanager
def reconnecting_clients(options, name, count=4):
    stop, connected = threading.Event(), threading.Semaphore(0)

    def storm():
        while not stop.is_set():
            try:
                connection = psycopg2.connect(host=options["db_host"], user=options["db_user"], dbname=name)
                connected.release()
                with contextlib.suppress(psycopg2.Error), connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
                    cursor.execute("SELECT pg_sleep(0.2)")
                connection.close()
            except psycopg2.Error:
                continue

    threads = [threading.Thread(target=storm, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for _ in range(count):
        connected.acquire(timeout=60)
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(5)


# === SECRETS OF THE TEMPLATE === #

PLANTED_ROWS = """
INSERT INTO ir_mail_server (name, smtp_host, smtp_port, smtp_encryption, smtp_authentication, smtp_user, smtp_pass,
    active) VALUES ('relay', 'smtp.test', 587, 'starttls', 'login', {c}, {c}, true);
INSERT INTO fetchmail_server (name, server_type, server, "user", password, state, active)
    VALUES ('in', 'imap', 'imap.test', {c}, {c}, 'done', true);
INSERT INTO mail_message (subject, body, message_type, model) VALUES ('x', {c}, 'email_outgoing', NULL);
INSERT INTO mail_mail (mail_message_id, body_html, email_to, state, headers)
    SELECT max(id), {c}, {c}, 'outgoing', {c} FROM mail_message;
INSERT INTO sms_sms (number, body, state, uuid) VALUES ('+33', {c}, 'outgoing', {c});
INSERT INTO snailmail_letter (model, res_id, partner_id, company_id, state, street)
    SELECT 'res.partner', 1, 1, 1, 'pending', {c};
INSERT INTO res_users_apikeys (name, user_id, key, index, scope) VALUES ({c}, 2, {c}, 'abcdefgh', 'rpc');
INSERT INTO auth_totp_device (name, user_id, key, index, scope) VALUES ({c}, 2, {c}, 'abcdefgh', 'browser');
INSERT INTO auth_passkey_key (name, credential_identifier, public_key, create_uid) VALUES ({c}, {c}, {c}, 2);
INSERT INTO ir_logging (name, type, dbname, level, path, func, line, message)
    VALUES ('x', 'server', 'x', 'INFO', 'x', 'x', '1', {c});
INSERT INTO bus_bus (channel, message) VALUES ('x', {c});
INSERT INTO mail_push_device (partner_id, endpoint, keys) VALUES (3, {c}, {c});
INSERT INTO mail_scheduled_message (model, res_id, author_id, subject, body, scheduled_date)
    VALUES ('res.partner', 3, 3, {c}, {c}, now());
INSERT INTO iap_account (name, account_token, service_id) SELECT 'sms', {c}, max(id) FROM iap_service;
INSERT INTO auth_oauth_provider (name, client_id, auth_endpoint, validation_endpoint, body, enabled)
    VALUES ('sso', {c}, 'https://sso.test/a', 'https://sso.test/v', '{{}}', true);
INSERT INTO ir_attachment (name, type, res_model, db_datas) VALUES ('key.pem', 'binary', 'certificate.key', {c}::bytea);
INSERT INTO mail_guest (name, access_token) VALUES ('guest', {c});
UPDATE res_users SET password = {c}, totp_secret = {c}, oauth_access_token = {c} WHERE id = 2;
UPDATE payment_provider SET state = 'enabled' WHERE id = (SELECT min(id) FROM payment_provider);
INSERT INTO ir_act_server (name, type, usage, state, binding_type, model_id, webhook_url)
    SELECT '{{"en_US": "hook"}}', 'ir.actions.server', 'ir_actions_server', 'webhook', 'action', min(id), {c}
      FROM ir_model;
UPDATE website SET google_analytics_key = {c}, google_search_console = NULL;
"""
PARAMETERS = (
    "database.secret", "unsplash.access_key", "google_gmail_client_secret", "microsoft_outlook_client_secret",
    "recaptcha_private_key", "cf.turnstile_secret_key", "mail.twilio_account_token", "mail.sfu_server_key",
    "mail.web_push_vapid_private_key", "acme.api_token", "acme.password", "google_calendar_client_id",
    "acme.hook_url", "acme.innocent",
)  # fmt: skip


class Canaries:
    """Unique words planted where secrets live."""

    def __init__(self):
        self.words = []

    def __format__(self, _spec):
        self.words.append(f"CANARY{uuid.uuid4().hex}")
        return f"'{self.words[-1]}'"

    def plant(self, sql, database):
        statements = [part.strip() for part in PLANTED_ROWS.format(c=self).split(";") if part.strip()]
        sql(";".join(statements), database)
        for key in PARAMETERS:
            value = f"{self}".strip("'")
            if key == "acme.hook_url":
                value = f"https://user:{value}@hooks.test/in"
            sql(
                f"INSERT INTO ir_config_parameter (key, value) VALUES ('{key}', '{value}')"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                database,
            )


def found(words, dumped):
    """Those of the words that are in a dump, as text or as the hexadecimal form of bytes."""
    return [word for word in words if word.encode() in dumped or word.encode().hex().encode() in dumped]


@pytest.fixture(scope="module")
def sales_template(environment):
    """Sales, accounting, website and OAuth: what all tests start from has the former two."""

    def build(building):
        environment.clone(environment.template(), building)
        environment.run_odoo(building, "-i", "website,auth_oauth", "--stop-after-init")

    return environment.shared("sales", build)


def test_no_secret_of_the_template_reaches_a_client(environment, tools, postgres, tag, sales_template):
    """At least 40 canaries in a template with sales, accounting, website and OAuth: none in the instance."""
    source = environment.clone(sales_template, f"canary_{uuid.uuid4().hex[:8]}")
    name = f"t-canary-{uuid.uuid4().hex[:8]}"
    canaries = Canaries()
    try:
        canaries.plant(environment.cluster.psql, source)
        assert len(canaries.words) >= 40
        planted = dump(environment, source)
        assert found(canaries.words, planted) == canaries.words, "each one was really there"
        postgres.clone_hidden(source, name, tag)
        with postgres.session(name) as connection:
            secret = tools.sanitizer.current_secret(connection)
            with tools.neutralizer.rehearsal(connection):
                assert tools.neutralizer.neutralize(connection) == []
                tools.neutralizer.verify(connection)
                assert rows(connection) != rows_of(environment, source), "it did change something"
            assert rows(connection) == rows_of(environment, source), "a production copy is its template"
            tools.sanitizer.sanitize(connection)
            tools.sanitizer.verify(connection, secret)
        content = dump(environment, name)
        assert found(canaries.words, content) == []
    finally:
        environment.drop(name)
        environment.drop(source)


def rows(connection):
    """A hash over all rows of each table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        hashes = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT md5(string_agg(t::text, ';' ORDER BY t::text)) FROM \"{table}\" t")
            hashes[table] = cursor.fetchone()[0]
    return hashes


def rows_of(environment, database):
    options = environment.cluster.odoo_options()
    with contextlib.closing(
        psycopg2.connect(host=options["db_host"], user=options["db_user"], dbname=database)
    ) as connection:
        return rows(connection)


def test_a_broken_neutralize_file_is_told_and_stops_nothing_else(tools, postgres, tag, hidden, environment):
    environment.cluster.psql("ALTER TABLE mail_push RENAME TO mail_push_gone", hidden)
    with postgres.session(hidden) as connection:
        failures = tools.neutralizer.neutralize(connection)
        assert [failure.module for failure in failures] == ["mail"]
        tools.neutralizer.verify(connection)


MODES = "SELECT key || '=' || value FROM ir_config_parameter WHERE key ~ 'edi.*mode$' ORDER BY key"
INVOICING = ("account_edi_proxy_client", "account_peppol", "l10n_dk_nemhandel", "l10n_pl_edi")
THEIR_TABLES = """
CREATE TABLE account_edi_proxy_client_user (id serial PRIMARY KEY, proxy_type varchar, edi_mode varchar);
INSERT INTO account_edi_proxy_client_user (proxy_type, edi_mode) VALUES ('peppol', 'prod');
ALTER TABLE res_company ADD l10n_pl_edi_certificate int, ADD l10n_pl_edi_access_token varchar,
  ADD l10n_pl_edi_refresh_token varchar, ADD l10n_pl_edi_session_id varchar, ADD l10n_pl_edi_session_key bytea,
  ADD l10n_pl_edi_session_iv bytea
"""


def test_electronic_invoicing_that_is_installed_later_is_in_test_mode_until_production(tools, postgres, hidden):
    """By Odoo's own files. In production nothing is touched: without a mode these modules are in production."""
    from odoo.addons.lokario_host import neutralization

    def modes():
        cursor.execute(f"({MODES}) UNION ALL SELECT edi_mode FROM account_edi_proxy_client_user")
        return [mode for (mode,) in cursor.fetchall()]

    def install():
        return [neutralization._neutralize_module(connection, module) for module in INVOICING]

    with postgres.session(hidden) as connection, connection.cursor() as cursor:
        cursor.execute(THEIR_TABLES)
        assert install() == [False] * len(INVOICING)
        assert modes() == ["prod"]
        cursor.execute("INSERT INTO ir_config_parameter (key, value) VALUES ('database.is_neutralized', 'true')")
        assert install() == [True] * len(INVOICING)
        assert modes() == [
            "account_peppol.edi.mode=demo",
            "l10n_dk_nemhandel.edi.mode=test",
            "l10n_pl_edi_ksef.mode=test",
            "demo",
        ]
        tools.neutralizer.restore(connection, tools.neutralizer.changed_later(connection))
        assert modes() == ["prod"]


def test_what_is_left_is_found(tools, postgres, hidden):
    from odoo.addons.saas_manager.exceptions import NotClean

    with postgres.session(hidden) as connection:
        secret = tools.sanitizer.current_secret(connection)
        with pytest.raises(NotClean, match=r"database\.secret"):
            tools.sanitizer.verify(connection, secret)
        with pytest.raises(NotClean, match="scheduled actions"):
            tools.neutralizer.verify(connection)


def dump(environment, database):
    options = environment.cluster.odoo_options()
    command = [binaries() / "pg_dump", "-h", options["db_host"], "-U", options["db_user"], database]
    return subprocess.run([str(part) for part in command], capture_output=True, check=True).stdout


# === THE CLIENT'S COMPANY === #


def test_the_company_is_the_clients(environment, tools, postgres, hidden, tmp_path):
    """Names with quotes and accents, address, currency, logo, mail; what the template lacks is told."""
    webp = base64.b64decode("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")
    name = 'L\'Atelier "Éclair" & Fils; DROP TABLE res_users'
    company = tools.customizer.Company(
        name=name, email="Info <Info@Eclair.test>, b@eclair.test", phone="+33 1", vat="FR23334175221",
        street="1 rue de l'Été", city="Lyon", zip="69001",
        country_code="FR", currency="EUR", lang="fr_BE", tz="Europe/Paris",
    )  # fmt: skip
    relay = tools.customizer.Relay("smtp.test", 587, "starttls", "user", "pass", "noreply@relay.test")
    with postgres.session(hidden) as connection:
        missing = tools.customizer.write_company(connection, company)
        tools.customizer.write_logo(connection, webp, tmp_path)
        tools.customizer.write_address(connection, "https://eclair.test")
        tools.customizer.write_relay(connection, relay)
    assert missing == ["language fr_BE"]
    query = """
        SELECT c.name, p.name, p.complete_name, p.email_normalized, p.lang, p.city, p.tz, co.code, cu.name, cu.active,
               length(c.logo_web) > 0, (SELECT string_agg(a.mimetype, ',') FROM ir_attachment a
                                         WHERE a.res_model = 'res.partner' AND a.res_id = p.id
                                         AND a.res_field LIKE 'image%'),
               (SELECT string_agg(smtp_host || from_filter, ',') FROM ir_mail_server WHERE active),
               (SELECT string_agg(value, ',' ORDER BY key) FROM ir_config_parameter WHERE key LIKE 'web.base.url%')
          FROM res_company c JOIN res_partner p ON p.id = c.partner_id LEFT JOIN res_country co ON co.id = p.country_id
          JOIN res_currency cu ON cu.id = c.currency_id
    """
    row = environment.cluster.psql(query, hidden).split("|")
    assert row == [
        name, name, name, "info@eclair.test", "fr_FR", "Lyon", "Europe/Paris", "FR", "EUR", "t", "t",
        ",".join(["image/webp"] * 5), "smtp.testrelay.test", "https://eclair.test,True",
    ]  # fmt: skip
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) >= 1


def test_the_administrator_is_the_clients(environment, tools, postgres, hidden):
    from passlib.hash import pbkdf2_sha512

    credentials = tools.admin_credentials
    password = credentials.FreshPassword()
    address = "Chef@Eclair.test"
    administrator = credentials.Administrator(address, "Zoé O'Neil", address, "fr_BE", "Europe/Paris")
    with postgres.session(hidden) as connection:
        with connection.cursor() as cursor:  # who worked on the template, and is gone from it
            cursor.execute(f"UPDATE res_users SET login = '{address}' WHERE id = 3")
        credentials.write_administrator(connection, administrator, password.hash())
    joined = "res_users u JOIN res_partner p ON p.id = u.partner_id"
    query = f"SELECT u.login, p.name, p.lang, u.password FROM {joined} WHERE u.id = 2"
    login, name, lang, hashed = environment.cluster.psql(query, hidden).split("|")
    assert (login, name, lang) == (address, "Zoé O'Neil", "fr_FR")
    assert hashed.startswith("$pbkdf2-sha512$600000$")
    assert pbkdf2_sha512.verify(password.text, hashed)
