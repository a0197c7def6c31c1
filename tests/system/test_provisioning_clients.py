"""What clients get by their plan and template: a link instead of a password, a chart of accounts, the edited mail."""

import os
import re
import urllib.parse

import pytest
from clients import log_in, name, password_in, submit, text_of

from lokario_cli.odoo_process import write_configuration
from lokario_cli.paths import STATE, memory_folder
from lokario_cli.setup.postgres import Cluster
from lokario_testing.environments.provisioning import RefusedCall, run_script

EDIT = """
template = env.ref("saas_manager.mail_template_instance_suspended")
template.subject, template.body_html = "Edited subject", "<p>Edited by us</p>"
cron = env["ir.model.data"].search([("module", "=", "saas_manager"), ("model", "=", "ir.cron")], limit=1)
env["ir.cron"].browse(cron.res_id).interval_number = 45
env.cr.commit()
"""


@pytest.fixture
def linked(provisioning):
    """The plan sends one-time links."""
    provisioning.call("saas.plan", "write", [provisioning.plan_id], {"credential_mode": "link"})
    yield provisioning
    provisioning.call("saas.plan", "write", [provisioning.plan_id], {"credential_mode": "password"})


def test_the_link_sets_the_password_once(linked, mails):
    environment, subdomain = linked, name()
    host, login = f"{subdomain}.localhost", f"{subdomain}@client.test"
    environment.provision(subdomain)
    body = text_of(mails(1)[0])
    path = re.search(r"http://\S+?(/web/reset_password\?token=\S+)", body).group(1)
    assert "Password" not in body, "no password in the mail"
    token = urllib.parse.unquote(path.partition("token=")[2])
    chosen, stolen = "chosen-by-the-client-1", "chosen-by-a-thief-1"
    for password in (chosen, stolen):
        submit(environment, host, path, login=login, token=token, password=password, confirm_password=password)
    assert log_in(environment, host, login, chosen)
    assert not log_in(environment, host, login, stolen), "the link works once"
    assert 'name="confirm_password"' not in environment.get(host, path)[1]


def test_an_instance_sends_mail_on_its_first_day(provisioning, mails):
    """The administrator has lost the password: the plan's server brings the link to set another one."""
    environment, subdomain = provisioning, name()
    host, login = f"{subdomain}.localhost", f"{subdomain}@client.test"
    environment.provision(subdomain)
    mails(1)
    submit(environment, host, "/web/reset_password", login=login)
    link = re.search(rf"http://{host}:\d+(/web/reset_password\?\S*token=\S+)", text_of(mails(2)[1]))
    token = urllib.parse.parse_qs(urllib.parse.urlsplit(link.group(1)).query)["token"][0]
    chosen = "chosen-by-the-client-2"
    submit(environment, host, link.group(1), login=login, token=token, password=chosen, confirm_password=chosen)
    assert log_in(environment, host, login, chosen)


def test_a_staging_instance_stays_neutralized(provisioning, mails):
    environment, subdomain = provisioning, name()
    plan = environment.call("saas.plan", "copy", [environment.plan_id], {"name": "Staging", "purpose": "staging"})[0]
    instance = environment.provision(subdomain, plan_id=plan)
    assert environment.read("saas.instance", instance, "state", "error_message") == ["active", False]
    facts = environment.environment.cluster.psql(
        """
        SELECT (SELECT value FROM ir_config_parameter WHERE key = 'database.is_neutralized'),
               (SELECT string_agg(smtp_host, ',') FROM ir_mail_server WHERE active),
               (SELECT string_agg(cron_name, ',') FROM ir_cron WHERE active),
               (SELECT active FROM ir_ui_view WHERE key = 'web.neutralize_banner')
        """,
        environment.database(subdomain),
    )
    assert facts == "true|invalid|Base: Auto-vacuum internal data|t"
    bundles = "SELECT string_agg(name, ' ') FROM ir_attachment WHERE url LIKE '/web/assets/%'"
    made = environment.environment.cluster.psql(bundles, environment.database(subdomain))
    assert "web.assets_web.min.js" in made, "nobody waits for the first page"
    assert "test" not in made
    assert log_in(environment, f"{subdomain}.localhost", f"{subdomain}@client.test", password_in(mails(1)[0]))


@pytest.fixture
def as_plain_user(provisioning):
    """The calls are those of a SaaS user who administers nothing."""
    groups = [provisioning.ref("saas_manager.group_saas_manager_user")]
    values = {"name": "U", "login": "saas-user", "password": "saas-user", "lang": "en_US"}
    provisioning.call("res.users", "create", [{**values, "group_ids": [[6, 0, groups]]}])
    provisioning.log_in("saas-user", "saas-user")
    yield provisioning
    provisioning.log_in()


@pytest.mark.expects_log(r"odoo\.http: Only a SaaS administrator may terminate")
def test_a_saas_user_does_the_whole_job_but_deleting(provisioning, mails, request):
    subdomain = name()
    partner = provisioning.create_client(subdomain)
    environment = request.getfixturevalue("as_plain_user")
    instance = environment.provision(subdomain, partner_id=partner)
    assert environment.read("saas.instance", instance, "state", "error_message") == ["active", False]
    for action in ("action_suspend", "action_reactivate", "action_send_credentials"):
        environment.call("saas.instance", action, [instance])
    assert len(mails(4)) == 4
    with pytest.raises(RefusedCall, match="Only a SaaS administrator"):
        environment.call("saas.instance", "action_terminate", [instance])
    assert environment.read("saas.instance", instance, "state") == "active"


@pytest.fixture(scope="module")
def strict_france(provisioning):
    """A template with accounting, French, and a second factor and long passwords for who wants them."""
    environment = provisioning
    country = environment.call("res.country", "search", [["code", "=", "FR"]])[0]
    french = environment.call("res.lang", "search", [["code", "=", "fr_FR"]], context={"active_test": False})
    modules = "account, l10n_fr_account, auth_totp_mail, auth_password_policy"
    values = {"name": "France", "code": "fr", "server_id": environment.server_id, "modules": modules}
    template = environment.call(
        "saas.template", "create", [{**values, "country_id": country, "lang_ids": [[6, 0, french]]}]
    )[0]
    environment.call("saas.template", "action_build", [template])
    assert environment.wait_for("saas.template", template, {"ready", "failed"}, 900) == "ready"
    return template, country


def test_the_chart_of_accounts_and_the_languages_come_from_the_template(provisioning, mails, strict_france):
    environment, (template, country) = provisioning, strict_france
    subdomain = name()
    partner = environment.create_client(subdomain, country_id=country, vat="FR23334175221", lang="fr_FR")
    instance = environment.provision(subdomain, partner_id=partner, template_id=template)
    assert environment.read("saas.instance", instance, "state", "error_message") == ["active", False]
    assert "Votre Odoo" in mails(1)[0]
    facts = environment.environment.cluster.psql(
        """
        SELECT c.chart_template, cu.name, p.vat, p.lang, (SELECT count(*) > 300 FROM account_account),
               (SELECT count(*) > 20 FROM account_tax), (SELECT count(*) > 4 FROM account_journal),
               (SELECT active FROM res_lang WHERE code = 'fr_FR'),
               (SELECT state FROM ir_module_module WHERE name = 'account_peppol'),
               (SELECT count(*) FROM ir_config_parameter WHERE key = 'account_peppol.edi.mode')
          FROM res_company c
          JOIN res_partner p ON p.id = c.partner_id
          JOIN res_currency cu ON cu.id = c.currency_id
        """,
        environment.database(subdomain),
    )
    assert facts == "fr|EUR|FR23334175221|fr_FR|t|t|t|t|installed|0", "electronic invoicing is in production"


def test_electronic_invoicing_of_a_trial_is_in_test_mode_until_it_is_bought(provisioning, mails, strict_france):
    environment, (template, country), subdomain = provisioning, strict_france, name()
    mode = "SELECT value FROM ir_config_parameter WHERE key = 'account_peppol.edi.mode'"
    values = {"name": "Trial", "code": name(), "purpose": "staging", "template_id": template}
    trial = environment.call("saas.plan", "copy", [environment.plan_id], values)[0]
    partner = environment.create_client(subdomain, country_id=country)
    instance = environment.provision(subdomain, partner_id=partner, plan_id=trial)
    assert environment.environment.cluster.psql(mode, environment.database(subdomain)) == "demo"
    environment.call("saas.instance", "action_convert", [instance], environment.plan_id)
    assert not environment.environment.cluster.psql(mode, environment.database(subdomain))
    mails(2)


def test_a_template_that_asks_for_a_second_factor_is_verified(provisioning, mails, strict_france):
    """With enforced 2FA the password is accepted and a code asked for; nobody is mailed one, nor told of the log-in."""
    environment, (template, country) = provisioning, strict_france
    subdomain = name()
    database = environment.read("saas.template", template, "template_db")
    sql = environment.environment.cluster.psql
    sql(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
    sql(
        "INSERT INTO ir_config_parameter (key, value) VALUES ('auth_totp.policy', 'all_required'),"
        " ('auth_password_policy.minlength', '12') ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        database,
    )
    sql(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
    partner = environment.create_client(subdomain, country_id=country)
    instance = environment.provision(subdomain, partner_id=partner, template_id=template)
    assert environment.read("saas.instance", instance, "state", "error_message") == ["active", False]
    (mail,) = mails(1)
    assert "New Connection" not in mail
    address = "SELECT email, email_normalized FROM res_partner p JOIN res_users u ON u.partner_id = p.id WHERE u.id = 2"
    assert sql(address, environment.database(subdomain)) == f"{subdomain}@client.test|{subdomain}@client.test"


def test_edited_mails_and_intervals_survive_an_update(environment, provisioning):
    database = environment.clone(provisioning.installed_database(), f"update_{os.getpid()}")
    try:
        run_script(write_configuration(STATE / "conf" / f"{database}.conf", environment.options()), database, EDIT)
        environment.run_odoo(database, "-u", "saas_manager", "--stop-after-init")
        edited = environment.cluster.psql(
            "SELECT count(*) FROM mail_template WHERE subject->>'en_US' = 'Edited subject'"
            " AND body_html->>'en_US' LIKE '%Edited by us%'",
            database,
        )
        assert edited == "1"
        assert environment.cluster.psql("SELECT count(*) FROM ir_cron WHERE interval_number = 45", database) == "1"
    finally:
        environment.drop(database)


@pytest.fixture
def name_database_server(provisioning):
    """Give the server's PostgreSQL by its address; afterwards it is this Odoo's own again."""
    statement = "UPDATE saas_server SET db_host = nullif('{}', ''), db_port = {}, db_user = nullif('{}', '')"

    def set_address(host, port, user):
        provisioning.environment.cluster.psql(statement.format(host, port, user), provisioning.manager)

    yield set_address
    set_address("", 0, "")


@pytest.mark.expects_log(r"odoo\.http: .*is another PostgreSQL than")
def test_a_server_with_another_postgresql_is_refused(provisioning, name_database_server):
    """This Odoo could not serve what would be made there: said before anything is."""
    instance = provisioning.create_instance(name())
    with Cluster("stranger", memory_folder() / "pg-stranger", throw_away=True) as stranger:
        name_database_server(stranger.odoo_options()["db_host"], 5432, stranger.odoo_options()["db_user"])
        for model, action, record in (
            ("saas.server", "action_activate", provisioning.server_id),
            ("saas.template", "action_build", provisioning.template_id),
            ("saas.instance", "action_provision_instance", instance),
        ):
            with pytest.raises(RefusedCall, match="another PostgreSQL than the one of this Odoo"):
                provisioning.call(model, action, [record])
    assert provisioning.read("saas.template", provisioning.template_id, "state") == "ready"
    assert provisioning.read("saas.instance", instance, "state") == "draft"


@pytest.mark.expects_log(r"odoo\.http: The PostgreSQL of server .* does not answer")
def test_a_server_with_a_named_postgresql(provisioning, mails, name_database_server):
    environment, options = provisioning, provisioning.environment.cluster.odoo_options()
    name_database_server(options["db_host"], options.get("db_port", 5432), options["db_user"])
    instance = environment.provision(name())
    assert environment.read("saas.instance", instance, "state", "error_message") == ["active", False]
    name_database_server("127.0.0.1", 9, "odoo")
    unreachable = environment.create_instance(name())
    with pytest.raises(RefusedCall, match="does not answer"):
        environment.call("saas.instance", "action_provision_instance", [unreachable])
    assert environment.read("saas.instance", unreachable, "state") == "draft"
