"""What happens to an instance after it was made: taken over from the former design, put into production, expired."""

import datetime
import json
import re

import pytest
from clients import log_in, name, password_in, submit, text_of
from fleet import wait_until

from lokario_cli.odoo_process import process_environment
from lokario_cli.verbs.isolate import isolate
from lokario_testing.environments.databases import data_folder
from lokario_testing.environments.processes import process_of
from lokario_testing.environments.provisioning import RefusedCall

OWNERS = """
SELECT string_agg(DISTINCT pg_get_userbyid(relowner), ',') FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'S')
"""
HASH = "SELECT md5(string_agg(t::text, ';' ORDER BY id)) FROM res_partner t"
FACTS = """
SELECT (SELECT value FROM ir_config_parameter WHERE key = 'database.is_neutralized'),
       (SELECT string_agg(smtp_host, ',') FROM ir_mail_server WHERE active),
       (SELECT count(*) > 5 FROM ir_cron WHERE active),
       (SELECT active FROM ir_ui_view WHERE key = 'web.neutralize_banner'),
       (SELECT count(*) FROM ir_cron WHERE active AND nextcall < now() AT TIME ZONE 'utc' - interval '5 min')
"""

# Odoo refuses to install while a cron runs, or PostgreSQL's autovacuum has the table of modules.
TRY_AGAIN = r"(bad query: (LOCK ir_module_module|SELECT FROM ir_cron)|InFailedSqlTransaction|please try again later)"


@pytest.mark.expects_log(r"odoo\.http: .*made before instances had roles")
@pytest.mark.expects_log(r"odoo\.http: .*has a process and role of its own already")
@pytest.mark.parametrize("isolated", ["shared"], indirect=True)
def test_instances_of_the_former_design_are_taken_over(provisioning, mails, isolated):
    """Three of them by one command: one suspended, one whose catalogues are still open, one in use."""
    environment, sql = provisioning, provisioning.environment.cluster.psql
    subdomains = [name() for _ in range(3)]
    instances = {subdomain: environment.provision(subdomain) for subdomain in subdomains}
    passwords = {re.search(r"(\w+)@client\.test", mail).group(1): password_in(mail) for mail in mails(3)}
    databases = [environment.database(subdomain) for subdomain in subdomains]
    environment.call("saas.instance", "action_suspend", [instances[subdomains[0]]])
    sql("GRANT SELECT ON pg_catalog.pg_database TO PUBLIC", databases[1])
    before = [sql(HASH, database) for database in databases]
    environment.call("saas.server", "write", [environment.server_id], {"isolation": "process"})
    with pytest.raises(RefusedCall, match=r"deploy/postgresql_catalogues\.sql"):
        environment.call("saas.instance", "action_isolate", [instances[subdomains[1]]])
    environment.environment.cluster.close_catalogues(databases[1])

    assert isolate(environment.server.conf, environment.manager, process_environment()) == 0

    for subdomain, database, rows in zip(subdomains, databases, before, strict=True):
        record, host = instances[subdomain], f"{subdomain}.localhost"
        state, role, operation = environment.read("saas.instance", record, "state", "tenant_role", "operation")
        assert (state, operation) == ("suspended" if subdomain == subdomains[0] else "active", False)
        assert sql(OWNERS, database) == role
        assert sql(HASH, database) == rows
        assert not (data_folder() / "filestore" / database).exists()
        assert list((data_folder() / "instances" / database / "filestore" / database).iterdir())
        if state == "suspended":
            assert environment.get(host)[0] == 503
            environment.call("saas.instance", "action_reactivate", [record])
        assert log_in(environment, host, f"{subdomain}@client.test", passwords[subdomain])
        assert process_of(database)
    with pytest.raises(RefusedCall, match="already"):
        environment.call("saas.instance", "action_isolate", [instances[subdomains[2]]])
    assert isolate(environment.server.conf, environment.manager, process_environment()) == 0, "nothing is left to do"


@pytest.fixture
def trial_plan(provisioning):
    values = {"name": "Trial", "code": name(), "purpose": "staging"}
    return provisioning.call("saas.plan", "copy", [provisioning.plan_id], values)[0]


@pytest.mark.expects_log(r"odoo\.http: .*is converted to a production plan")
def test_a_trial_that_is_bought_goes_into_production(provisioning, mails, trial_plan):
    environment, subdomain = provisioning, name()
    host, database = f"{subdomain}.localhost", provisioning.database(subdomain)
    sql = environment.environment.cluster.psql
    instance = environment.provision(subdomain, plan_id=trial_plan)
    password = password_in(mails(1)[0])
    assert sql(FACTS, database).startswith("true|invalid|f|t|")
    sql(
        "UPDATE ir_cron SET interval_number = 17 WHERE id = (SELECT min(id) FROM ir_cron)", database
    )  # the client's work
    wizard = environment.call("saas.instance.convert", "create", [{"instance_id": instance,
                                                                   "plan_id": environment.plan_id}])[0]  # fmt: skip
    changes = environment.read("saas.instance.convert", wizard, "changes")
    assert re.search(r"Scheduled Actions: \d+ \(active", changes)
    assert "Outgoing mail server: 127.0.0.1" in changes
    with pytest.raises(RefusedCall, match="converted to a production plan"):
        environment.call("saas.instance", "action_convert", [instance], trial_plan)

    environment.call("saas.instance.convert", "action_confirm", [wizard])

    assert environment.read("saas.instance", instance, "state", "plan_purpose") == ["active", "production"]
    assert sql(FACTS, database) == "|127.0.0.1|t|f|0"
    assert sql("SELECT count(*) FROM ir_cron WHERE interval_number = 17", database) == "1"
    assert "in production" in text_of(mails(2)[1])
    assert log_in(environment, host, f"{subdomain}@client.test", password)
    with pytest.raises(RefusedCall, match="converted to a production plan"):
        environment.call("saas.instance", "action_convert", [instance], environment.plan_id)


TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
HASHES = "SELECT '{0}', md5(string_agg(t::text, ';' ORDER BY t::text)) FROM \"{0}\" t"
# What a production instance has of its own, as docs/saas.md lists it: columns, or rows added (+) and removed (-).
OWN = {
    *(f"res_company.{name}" for name in ("name", "email", "phone", "alias_domain_id")),
    *(f"res_partner.{name}" for name in ("name", "complete_name", "commercial_company_name", "email", "phone", "lang")),
    *(f"res_partner.{name}" for name in ("email_normalized", "street", "zip", "city")),
    *(f"res_users.{name}" for name in ("login", "password", "signature", "odoobot_state", "write_date", "write_uid")),
    *("ir_config_parameter.value", "ir_config_parameter.write_date", "ir_config_parameter+"),
    *("ir_mail_server+", "mail_alias_domain+"),
    *("mail_message-", "mail_tracking_value-", "bus_bus-", "ir_cron_trigger-"),
    *("ir_cron.nextcall", "bus_bus+", "mail_message+", "discuss_channel+", "discuss_channel_member+"),
    *(f"discuss_channel_member.{name}" for name in ("fetched_message_id", "seen_message_id")),
    *(
        f"orm_signaling_{cache}+"
        for cache in ("assets", "default", "groups", "registry", "routing", "stable", "templates")
    ),
}


def test_a_production_instance_is_its_template_but_for_the_documented_list(provisioning, mails):
    """Every row of every table is compared."""
    environment, subdomain = provisioning, name()
    sql = environment.environment.cluster.psql
    template = environment.read("saas.template", environment.template_id, "template_db")
    instance = environment.provision(subdomain)
    mails(1)
    environment.call("saas.instance", "action_suspend", [instance])  # its jobs, once they are due, change it
    sql(f'ALTER DATABASE "{template}" ALLOW_CONNECTIONS true')
    try:
        found = differences(sql, template, environment.database(subdomain))
    finally:
        sql(f'ALTER DATABASE "{template}" ALLOW_CONNECTIONS false')
    assert found - OWN == set()
    assert found >= {"res_company.name", "res_users.password", "ir_config_parameter.value", "mail_message-"}


def differences(sql, template, instance):
    """{"table.column" whose values differ, "table+", "table-"}."""
    tables = sql(TABLES, template).split()
    assert tables == sql(TABLES, instance).split()
    query = " UNION ALL ".join(map(HASHES.format, tables))
    first, second = (dict(line.split("|") for line in sql(query, one).splitlines()) for one in (template, instance))
    found = set()
    for table in (table for table in tables if first[table] != second[table]):
        before, after = (rows_of(sql, table, one) for one in (template, instance))
        found |= {f"{table}+"} if after.keys() - before.keys() else set()
        found |= {f"{table}-"} if before.keys() - after.keys() else set()
        for key in before.keys() & after.keys():
            found |= {f"{table}.{column}" for column in before[key] if before[key][column] != after[key][column]}
    return found


def rows_of(sql, table, database):
    rows = json.loads(sql(f"SELECT coalesce(json_agg(t), '[]') FROM \"{table}\" t", database))
    return {row.get("id") or json.dumps(row): row for row in rows}


SINGLE_SIGN_ON = "SELECT bool_or(enabled) FROM auth_oauth_provider"
LATER_CRONS = """
SELECT bool_or(c.active) FROM ir_cron c JOIN ir_model_data d ON d.model = 'ir.cron' AND d.res_id = c.id
 WHERE d.module = 'digest'
"""


@pytest.mark.expects_log(TRY_AGAIN)
def test_what_is_installed_later_is_neutralized_as_its_instance_is(provisioning, mails, trial_plan):
    """By its own administrator, in Apps: in a trial it stays off until the trial is bought, in production it is on."""
    environment, sql = provisioning, provisioning.environment.cluster.psql
    for plan, is_on in ((trial_plan, "f"), (environment.plan_id, "t")):
        provisioning.forget_mails()
        subdomain = name()
        host, database = f"{subdomain}.localhost", environment.database(subdomain)
        instance = environment.provision(subdomain, plan_id=plan)
        cookie = log_in(environment, host, f"{subdomain}@client.test", password_in(mails(1)[0]))
        install(environment, host, cookie, "auth_oauth", "digest")
        assert (sql(SINGLE_SIGN_ON, database), sql(LATER_CRONS, database)) == (is_on, is_on)
        if plan == trial_plan:
            environment.call("saas.instance", "action_convert", [instance], environment.plan_id)
            assert (sql(SINGLE_SIGN_ON, database), sql(LATER_CRONS, database)) == ("t", "t")
        assert not sql("SELECT 1 FROM ir_config_parameter WHERE key LIKE 'lokario%'", database)


def install(environment, host, cookie, *modules):
    """What the client's administrator does in Apps: he tries again when Odoo asks for it (:data:`TRY_AGAIN`)."""

    def call(method, *arguments):
        params = {"model": "ir.module.module", "method": method, "args": arguments, "kwargs": {}}
        return environment.post("/web/dataset/call_kw", {"params": params}, host=host, Cookie=cookie)

    found = call("search", [["name", "in", modules]])["result"]
    wait_until(lambda: "result" in call("button_immediate_install", found))


def test_answers_to_an_instances_mail_lead_to_the_client(provisioning, mails):
    environment, subdomain = provisioning, name()
    environment.provision(subdomain)
    mails(1)
    answers = environment.environment.cluster.psql(
        "SELECT d.catchall_alias || '@' || d.name || ' ' || d.default_from"
        " FROM res_company c JOIN mail_alias_domain d ON d.id = c.alias_domain_id",
        environment.database(subdomain),
    )
    assert answers == f"{subdomain}@client.test noreply@lokario.test"
    submit(environment, f"{subdomain}.localhost", "/web/reset_password", login=f"{subdomain}@client.test")
    sent = mails(2)[1]
    assert re.search(rf"(?im)^reply-to:.*{subdomain}@client\.test", sent)
    assert "catchall@" not in sent


def test_an_instance_that_expires_is_announced_then_suspended(provisioning, mails):
    environment, subdomain = provisioning, name()
    instance = environment.provision(subdomain)
    mails(1)
    cron = environment.ref("saas_manager.ir_cron_expiry")
    for days, count in ((30, 1), (3, 2)):
        soon = str(datetime.date.today() + datetime.timedelta(days=days))
        environment.call("saas.instance", "write", [instance], {"expiration_date": soon})
        for _turn in range(2):
            environment.call("ir.cron", "method_direct_trigger", [cron])
        assert len(mails(count)) == count, "one warning, a week before"
    assert "expires" in text_of(mails(2)[1])
    assert environment.get(f"{subdomain}.localhost")[0] == 200
    past = datetime.date.today() - datetime.timedelta(days=2)
    environment.call("saas.instance", "write", [instance], {"expiration_date": str(past)})
    environment.call("ir.cron", "method_direct_trigger", [cron])
    assert environment.read("saas.instance", instance, "state") == "suspended"
    assert f"{past:%m/%d/%Y}" in environment.read("saas.instance", instance, "suspension_reason")
    wait_until(lambda: environment.get(f"{subdomain}.localhost")[0] == 503)
    assert len(mails(3)) == 3
