"""The main job through real doors: a server process, real databases, a real SMTP server, real logins."""

import json
import re
import time
import urllib.error
import xmlrpc.client
from concurrent.futures import ThreadPoolExecutor

import pytest
from clients import log_in, name, password_in, text_of
from fleet import BUSY

from benchmarks.chaos_provisioning import make_due, marking_jobs, marks, runs_what_is_due
from lokario_testing.environments.databases import data_folder
from lokario_testing.environments.provisioning import CronProcess, RefusedCall


def traces(environment, subdomain):
    """Whatever exists of an instance outside its record."""
    database = environment.database(subdomain)
    sql = environment.environment.cluster.psql
    return {
        "database": [name for name in environment.databases() if name == database],
        "folder": [path for kept in ("filestore", "instances") for path in (data_folder() / kept).glob(database)],
        "role": sql(
            "SELECT rolname FROM pg_roles WHERE rolname IN"
            f" (SELECT tenant_role FROM saas_instance WHERE database_name = '{database}')",
            environment.manager,
        ),
        "route": sql(f"SELECT host FROM lokario_gate_route WHERE database = '{database}'", environment.manager),
        "job": sql(
            f"SELECT uuid FROM queue_job WHERE name = 'Provision {database}' AND state NOT IN ('done', 'cancelled')",
            environment.manager,
        ),
    }


def wait_until_nothing_is_left(environment, subdomain):
    deadline = time.monotonic() + 60
    while (left := traces(environment, subdomain)) != NOTHING:
        assert time.monotonic() < deadline, left


NOTHING = {"database": [], "folder": [], "role": "", "route": "", "job": ""}


@pytest.mark.parametrize("isolated", ["process", "shared"], indirect=True)
def test_the_four_scenarios(provisioning, mails, isolated):
    """Provision, suspend, reactivate, terminate: each with its mail, as the seed document tells them."""
    environment, subdomain = provisioning, name()
    host = f"{subdomain}.localhost"
    assert environment.get(host)[0] == 404
    instance = environment.provision(subdomain)
    names = ("state", "error_message", "warning_message")
    assert environment.read("saas.instance", instance, *names) == ["active", False, False]
    (mail,) = mails(1)
    body = text_of(mail)
    for expected in (f"http://{host}:{environment.server.port}", f"{subdomain}@client.test", "Standard"):
        assert expected in body
    login, password = f"{subdomain}@client.test", password_in(mail)
    cookie = log_in(environment, host, login, password)
    assert cookie, "the password in the mail opens the instance"
    assert environment.get(host, "/odoo", cookie)[0] == 200

    answer = environment.call("saas.instance", "action_suspend", [instance], "unpaid invoice")
    assert "is queued" in answer["params"]["message"]
    assert "unpaid invoice" in text_of(mails(2)[1])
    assert environment.get(host, "/odoo", cookie)[0] == 503

    environment.call("saas.instance", "action_reactivate", [instance])
    assert f"http://{host}" in text_of(mails(3)[2])
    assert environment.get(host)[0] == 200
    assert log_in(environment, host, login, password)

    environment.call("saas.instance", "action_terminate", [instance])
    assert environment.database(subdomain) in text_of(mails(4)[3])
    assert environment.read("saas.instance", instance, "state") == "terminated"
    wait_until_nothing_is_left(environment, subdomain)
    assert environment.get(host)[0] == 404


def json_2(environment, key, method, instance):
    headers = {"Authorization": f"bearer {key}", "X-Odoo-Database": environment.manager}
    return environment.post(f"/json/2/saas.instance/{method}", {"ids": [instance]}, **headers)


def json_rpc(environment, key, method, instance):
    params = {"service": "object", "method": "execute_kw",
              "args": [environment.manager, 2, key, "saas.instance", method, [[instance]]]}  # fmt: skip
    answer = environment.post("/jsonrpc", {"jsonrpc": "2.0", "method": "call", "params": params})
    assert "error" not in answer, answer
    return answer["result"]


def xml_rpc(environment, key, method, instance):
    proxy = xmlrpc.client.ServerProxy(f"{environment.server.url}/xmlrpc/2/object", allow_none=True)
    return proxy.execute_kw(environment.manager, 2, key, "saas.instance", method, [[instance]])


@pytest.fixture(scope="module")
def api_key(provisioning):
    printed = provisioning.run_script(
        "keys = env['res.users.apikeys'].with_user(env.ref('base.user_admin'))\n"
        "key = keys._generate('rpc', 'test', None)\n"
        "env.cr.commit()\nprint('KEY', key)"
    )
    return re.search(r"KEY (\w+)", printed).group(1)


@pytest.mark.parametrize("door", [json_2, json_rpc, xml_rpc], ids=lambda door: door.__name__)
def test_the_actions_through_every_door(provisioning, api_key, door, mails):
    environment, subdomain = provisioning, name()
    instance = environment.create_instance(subdomain)
    door(environment, api_key, "action_provision_instance", instance)
    assert environment.wait_for("saas.instance", instance, {"active", "error"}, 60) == "active"
    for method, state in (
        ("action_suspend", "suspended"),
        ("action_reactivate", "active"),
        ("action_terminate", "terminated"),
    ):
        answer = door(environment, api_key, method, instance)
        assert answer["tag"] == "display_notification"
        assert environment.read("saas.instance", instance, "state") == state
    assert len(mails(4)) == 4
    wait_until_nothing_is_left(environment, subdomain)


@pytest.mark.expects_log(r"odoo\.http: The server .* is full")
def test_two_requests_for_the_last_place(provisioning, mails):
    """One wins, the other gets a clear sentence."""
    environment = provisioning
    instances = [environment.create_instance(name()) for _ in range(4)]
    used = environment.read("saas.server", environment.server_id, "used_slots")
    environment.call("saas.server", "write", [environment.server_id], {"max_instances": used + 1})

    def request(instance):
        try:
            environment.call("saas.instance", "action_provision_instance", [instance])
        except RefusedCall as refused:
            return str(refused)
        return "queued"

    try:
        with ThreadPoolExecutor(len(instances)) as pool:
            answers = list(pool.map(request, instances))
        assert sorted(answers)[1:] != answers
        assert answers.count("queued") == 1, answers
        assert all("is full" in answer for answer in answers if answer != "queued"), answers
        winner = instances[answers.index("queued")]
        assert environment.wait_for("saas.instance", winner, {"active", "error"}, 60) == "active"
        mails(1)
    finally:
        environment.call("saas.server", "write", [environment.server_id], {"max_instances": environment.places})


@pytest.mark.parametrize("isolated", ["process", "shared"], indirect=True)
def test_suspending_cuts_everything_within_a_second(provisioning, mails, isolated):
    import websocket

    environment, subdomain = provisioning, name()
    host = f"{subdomain}.localhost"
    instance = environment.provision(subdomain)
    cookie = log_in(environment, host, f"{subdomain}@client.test", password_in(mails(1)[0]))
    socket = websocket.create_connection(
        f"ws://127.0.0.1:{environment.server.port}/websocket?version=19.0-2", host=host, cookie=cookie,
        origin=f"http://{host}", timeout=60,
    )  # fmt: skip
    start = time.monotonic()
    environment.call("saas.instance", "action_suspend", [instance])
    page, body = environment.get(host, "/odoo", cookie)
    assert page == 503 and "<html" in body
    opcode, _data = socket.recv_data()
    assert opcode == websocket.ABNF.OPCODE_CLOSE
    assert time.monotonic() - start <= BUSY, "people, programs and websockets"  # `bench tenants` has figures
    with pytest.raises(urllib.error.HTTPError) as refused:
        environment.post("/web/session/get_session_info", {"params": {}}, host=host, Cookie=cookie)
    assert refused.value.code == 503
    assert json.load(refused.value)["error"]["code"] == 503
    database = environment.database(subdomain)
    hidden, inside = environment.environment.cluster.psql(
        f"SELECT datistemplate, (SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}')"
        f" FROM pg_database WHERE datname = '{database}'"
    ).split("|")
    assert hidden == ("t" if isolated == "shared" else "f"), "Odoo's cron workers leave out what is a template"
    assert inside == "0"
    start = time.monotonic()
    environment.call("saas.instance", "action_reactivate", [instance])
    assert environment.get(host)[0] == 200
    assert time.monotonic() - start <= BUSY, "a process of its own has to start first"


def test_a_mail_server_that_hangs_holds_up_no_action(provisioning, mails):
    """The answer is there while it has not said a word; how fast it is, `bench provisioning` says."""
    instance = provisioning.provision(name())
    mails(1)
    with provisioning.mail_server_that_hangs():
        for action, state in (("action_suspend", "suspended"), ("action_reactivate", "active")):
            begun = time.monotonic()
            answer = provisioning.call("saas.instance", action, [instance])
            print(f"{action}: {time.monotonic() - begun:.2f} s")
            assert "is queued" in answer["params"]["message"]
            assert provisioning.read("saas.instance", instance, "state") == state
        assert len(mails(1)) == 1


@pytest.mark.parametrize("isolated", ["shared"], indirect=True)
def test_the_jobs_of_a_suspended_instance_do_not_run(provisioning, mails, isolated):
    """In the shared process: not by a cron worker that looks, not by one that had listed its database before.

    Those of others run on.
    """
    environment, asleep, awake = provisioning, name(), name()
    template = environment.read("saas.template", environment.template_id, "template_db")
    with marking_jobs(environment, template):
        instances = [environment.provision(subdomain) for subdomain in (asleep, awake)]
    asleep, awake = environment.database(asleep), environment.database(awake)
    with CronProcess(environment):
        assert runs_what_is_due(environment, asleep)
        environment.call("saas.instance", "action_suspend", [instances[0]])
        before = marks(environment, asleep)
        make_due(environment, asleep)
        assert runs_what_is_due(environment, awake)
    with CronProcess(environment, listed=(asleep, awake)):
        assert runs_what_is_due(environment, awake)
        assert marks(environment, asleep) == before
        environment.call("saas.instance", "action_reactivate", [instances[0]])
        assert runs_what_is_due(environment, asleep)


def test_the_password_is_nowhere_in_the_manager(provisioning, mails):
    """Dump of the manager's database, log of the server, queue: 0 times, also while a mail waits for a retry."""
    environment, subdomain = provisioning, name()
    servers = environment.call("ir.mail_server", "search", [])
    environment.call("ir.mail_server", "write", servers, {"smtp_port": 9})
    instance = environment.provision(subdomain)
    deadline = time.monotonic() + 120
    while environment.read("saas.instance", instance, "mail_state") != "failed":
        assert time.monotonic() < deadline
    waiting = dump(environment)
    environment.call("ir.mail_server", "write", servers, {"smtp_port": environment.mails.port})
    environment.call("saas.instance", "action_retry_mail", [instance])
    password = password_in(mails(1)[0])
    environment.wait_for("saas.instance", instance, {"sent"}, 120, field="mail_state")
    for where in (waiting, dump(environment), environment.server.log.read_bytes()):
        assert where.count(password.encode()) == 0


def dump(environment):
    import subprocess

    from lokario_cli.setup.postgres import binaries

    options = environment.environment.cluster.odoo_options()
    command = [binaries() / "pg_dump", "-h", options["db_host"], "-U", options["db_user"], environment.manager]
    return subprocess.run([str(part) for part in command], capture_output=True, check=True).stdout


def test_a_token_of_one_instance_is_refused_by_another(provisioning, mails):
    environment = provisioning
    environment.call("saas.plan", "write", [environment.plan_id], {"credential_mode": "link"})
    try:
        first, second = name(), name()
        for subdomain in (first, second):
            environment.provision(subdomain)
        links = [re.search(r"http://\S+/web/reset_password\?token=\S+", text_of(mail)).group(0) for mail in mails(2)]
    finally:
        environment.call("saas.plan", "write", [environment.plan_id], {"credential_mode": "password"})
    path = links[0].partition(str(environment.server.port))[2]
    field = 'name="confirm_password"'
    assert field in environment.get(f"{first}.localhost", path)[1], "the link opens the form of its own instance"
    assert field not in environment.get(f"{second}.localhost", path)[1], "no form to set a password elsewhere"


SABOTAGE = """
CREATE FUNCTION sabotage() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'sabotaged'; END $$;
CREATE TRIGGER sabotage BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION sabotage();
"""
IN_TEMPLATE = {
    "neutralize": ("INSERT", "ir_mail_server"),
    "customize": ("UPDATE OF name", "res_company"),
    "admin": ("UPDATE OF login", "res_users"),
}


@pytest.fixture
def broken(provisioning, request):
    """Make one step fail for a real reason; undone afterwards."""
    environment, step = provisioning, request.param
    template = environment.read("saas.template", environment.template_id, "template_db")
    sql = environment.environment.cluster.psql
    if step == "clone":
        sql(f'ALTER DATABASE "{template}" RENAME TO "{template}_away"')
        yield step
        sql(f'ALTER DATABASE "{template}_away" RENAME TO "{template}"')
    elif step == "verification":
        environment.call("saas.server", "write", [environment.server_id], {"http_port": 9})
        yield step
        environment.call("saas.server", "write", [environment.server_id], {"http_port": 0})
    elif step == "subdomain":
        sql("ALTER TABLE lokario_gate_route ADD CONSTRAINT sabotage CHECK (false) NOT VALID", environment.manager)
        yield step
        sql("ALTER TABLE lokario_gate_route DROP CONSTRAINT sabotage", environment.manager)
    else:
        event, table = IN_TEMPLATE[step]
        sql(f'ALTER DATABASE "{template}" ALLOW_CONNECTIONS true')
        sql(SABOTAGE.format(event=event, table=table), template)
        sql(f'ALTER DATABASE "{template}" ALLOW_CONNECTIONS false')
        yield step
        sql(f'ALTER DATABASE "{template}" ALLOW_CONNECTIONS true')
        sql(f"DROP TRIGGER sabotage ON {table}; DROP FUNCTION sabotage()", template)
        sql(f'ALTER DATABASE "{template}" ALLOW_CONNECTIONS false')


REFUSED_BY_TABLE = pytest.mark.expects_log(r'odoo\.sql_db: bad query: (?s:.*)violates check constraint "sabotage"')
STEPS = [
    *("clone", "neutralize", "customize", "admin"),
    pytest.param("subdomain", marks=REFUSED_BY_TABLE),
    "verification",
]


@pytest.mark.parametrize("broken", STEPS, indirect=True)
def test_a_failing_step_leaves_nothing(provisioning, broken, mails, request):
    environment, subdomain = provisioning, name()
    instance = environment.provision(subdomain)
    state, reason = environment.read("saas.instance", instance, "state", "error_message")
    assert state == "error"
    assert reason, "the reason is on the record"
    steps = environment.call("saas.instance.step", "search_read", [["instance_id", "=", instance]], ["code", "state"])
    assert ("failed", broken) in {(step["state"], step["code"]) for step in steps}
    wait_until_nothing_is_left(environment, subdomain)
    assert environment.get(f"{subdomain}.localhost")[0] == 404
    assert not environment.mails.received, "no mail for what does not exist"


def test_clicking_again_works(provisioning, mails):
    environment, subdomain = provisioning, name()
    environment.call("saas.server", "write", [environment.server_id], {"http_port": 9})
    instance = environment.provision(subdomain)
    environment.call("saas.server", "write", [environment.server_id], {"http_port": 0})
    assert environment.read("saas.instance", instance, "state") == "error"
    environment.call("saas.instance", "action_provision_instance", [instance])
    assert environment.wait_for("saas.instance", instance, {"active", "error"}, 60) == "active"
    assert len(mails(1)) == 1


def test_new_credentials_replace_the_old(provisioning, mails):
    environment, subdomain = provisioning, name()
    host, login = f"{subdomain}.localhost", f"{subdomain}@client.test"
    instance = environment.provision(subdomain)
    old = password_in(mails(1)[0])
    session = log_in(environment, host, login, old)
    environment.call("saas.instance", "action_send_credentials", [instance])
    new = password_in(mails(2)[1])
    assert log_in(environment, host, login, new)
    assert not log_in(environment, host, login, old)
    assert "oe_login_form" in environment.get(host, "/odoo", session)[1], "the session of the old password has ended"


def test_a_foreign_database_is_never_touched(provisioning):
    """A database of the right name that is not this manager's stays as it is."""
    environment, subdomain = provisioning, name()
    database = environment.database(subdomain)
    environment.environment.cluster.psql(f'CREATE DATABASE "{database}"')
    instance = environment.provision(subdomain)
    assert environment.read("saas.instance", instance, "state") == "error"
    assert database in environment.databases()
    environment.environment.cluster.psql(f'DROP DATABASE "{database}"')
