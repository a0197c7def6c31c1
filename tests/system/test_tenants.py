"""Instances with a process, a PostgreSQL role and, as root, an operating-system user each."""

import os
import re
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import psycopg2
import pytest
import websocket
from clients import log_in, name, password_in
from fleet import BUSY, wait_until

from lokario_cli.paths import ROOT
from lokario_testing.environments.databases import data_folder
from lokario_testing.environments.processes import process_of
from lokario_testing.environments.provisioning import ProvisioningEnvironment

# The sessions of an instance that is deleted are cut while its process still uses them.
pytestmark = pytest.mark.expects_log(r"bad query: b'SELECT pg_is_in_recovery\(\)'|odoo\.service\.cron\.cron")
IDLE = 0.05  # minutes
PASSWORDS: dict[str, str] = {}  # of the neighbours' administrators
ROLES: dict[str, tuple[str, str]] = {}  # of the neighbours' databases


@pytest.fixture(scope="module")
def manager(environment):
    with ProvisioningEnvironment(environment, isolation="process") as started:
        started.build_template()
        started.call("saas.plan", "write", [started.plan_id], {"idle_minutes": IDLE})
        yield started


@pytest.fixture
def mails(manager):
    manager.mails.received.clear()
    return manager.wait_for_mails


@pytest.fixture(scope="module")
def neighbours(manager):
    """Two active instances, and what is known of them."""
    manager.mails.received.clear()
    instances = {}
    for subdomain in (name(), name()):
        record = manager.provision(subdomain)
        state, problem = manager.read("saas.instance", record, "state", "error_message")
        assert state == "active", problem
        instances[subdomain] = record
    for mail in manager.wait_for_mails(2):
        subdomain = re.search(r"(\w+)@client\.test", mail).group(1)
        PASSWORDS[subdomain] = password_in(mail)
    return instances


def test_the_four_scenarios(manager, mails):
    subdomain = name()
    host, database, login = f"{subdomain}.localhost", manager.database(subdomain), f"{subdomain}@client.test"
    instance = manager.provision(subdomain)
    assert manager.read("saas.instance", instance, "state", "error_message", "warning_message") == [
        "active",
        False,
        False,
    ]
    cookie = log_in(manager, host, login, password_in(mails(1)[0]))
    assert manager.get(host, "/odoo", cookie)[0] == 200
    role = manager.read("saas.instance", instance, "tenant_role")
    owners = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    assert manager.environment.cluster.psql(owners, database) == role
    home = data_folder() / "instances" / database
    if os.getuid() == 0:
        assert home.stat().st_uid == process_of(database).uids().real > 0
        assert home.stat().st_mode & 0o077 == 0

    start = time.monotonic()
    manager.call("saas.instance", "action_suspend", [instance])
    assert manager.get(host, "/odoo", cookie)[0] == 503
    assert time.monotonic() - start <= BUSY
    assert process_of(database) is None
    assert manager.environment.cluster.psql("SELECT count(*) FROM res_users", database), "backups still see it"
    start = time.monotonic()
    manager.call("saas.instance", "action_reactivate", [instance])
    assert manager.get(host, "/odoo", cookie)[0] == 200, "the session is still there"
    assert time.monotonic() - start <= BUSY

    manager.call("saas.instance", "action_terminate", [instance])
    assert manager.read("saas.instance", instance, "state") == "terminated"
    assert database not in manager.databases()
    assert not home.exists()
    assert not manager.environment.cluster.psql(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'")
    assert manager.get(host)[0] == 404
    assert len(mails(4)) == 4


def test_suspending_closes_websockets(manager, mails):
    subdomain = name()
    host = f"{subdomain}.localhost"
    instance = manager.provision(subdomain)
    cookie = log_in(manager, host, f"{subdomain}@client.test", password_in(mails(1)[0]))
    address = f"ws://127.0.0.1:{manager.server.port}/websocket?version=19.0-2"
    opened = websocket.create_connection(address, host=host, cookie=cookie, origin=f"http://{host}", timeout=BUSY)
    manager.call("saas.instance", "action_suspend", [instance])
    opcode, _data = opened.recv_data()
    assert opcode == websocket.ABNF.OPCODE_CLOSE


def test_a_stopped_instance_costs_nothing_and_starts_on_the_first_request(manager, neighbours):
    subdomain = next(iter(neighbours))
    database = manager.database(subdomain)
    assert manager.get(f"{subdomain}.localhost")[0] == 200
    assert process_of(database)
    wait_until(lambda: process_of(database) is None)
    sessions = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'"
    wait_until(lambda: manager.environment.cluster.psql(sessions) == "0")
    assert manager.get(f"{subdomain}.localhost")[0] == 200
    assert process_of(database)


def test_a_due_job_wakes_a_stopped_instance(manager, neighbours):
    database = manager.database(next(iter(neighbours)))
    sql = manager.environment.cluster.psql
    sql("UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'utc' + interval '8 s' WHERE id = 1", database)
    manager.get(f"{next(iter(neighbours))}.localhost")  # the job is told to the supervisor when the process ends
    wait_until(lambda: process_of(database) is None)
    wait_until(lambda: sql("SELECT nextcall > now() AT TIME ZONE 'utc' + interval '1 min' FROM ir_cron WHERE id = 1",
                           database) == "t", 60)  # fmt: skip


@pytest.mark.expects_log("died early; started again in 1 s")
def test_a_killed_process_is_started_again(manager, neighbours):
    subdomain = next(iter(neighbours))
    assert manager.get(f"{subdomain}.localhost")[0] == 200
    os.kill(process_of(manager.database(subdomain)).pid, 9)
    wait_until(lambda: manager.get(f"{subdomain}.localhost")[0] == 200)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT datname FROM pg_database",
        "SELECT usename, datname FROM pg_stat_activity",
        "SELECT rolname FROM pg_roles",
        "SELECT * FROM pg_shdescription",
        "SELECT * FROM pg_stat_database",
        "SELECT pg_database_size('{neighbour}')",
        "SELECT has_database_privilege('{neighbour}', 'connect')",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_get_activity(NULL)",
        'DROP DATABASE "{neighbour}" WITH (FORCE)',
        'ALTER DATABASE "{neighbour}" CONNECTION LIMIT 7',
        'ALTER DATABASE "{own}" CONNECTION LIMIT 700',
        "COMMENT ON DATABASE \"{own}\" IS 'lokario-saas:forged:mark'",
        "ALTER ROLE odoo PASSWORD 'x'",
        "SET ROLE odoo",
        "SET SESSION AUTHORIZATION odoo",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "COPY (SELECT 1) TO PROGRAM 'id'",
        "COPY res_partner TO '/tmp/x'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT lo_import('/etc/passwd')",
        "CREATE EXTENSION dblink",
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '/tmp/x.so', 'f'",
        "SET log_statement = 'none'",
        "ALTER SYSTEM SET work_mem = '1GB'",
    ],
)
def test_sql_of_a_client_reaches_nothing_else(manager, neighbours, statement):
    own, neighbour = (manager.database(subdomain) for subdomain in neighbours)
    with pytest.raises(psycopg2.Error) as refused, connect(manager, own, own) as cursor:
        cursor.execute(statement.format(own=own, neighbour=neighbour))
    assert neighbour not in str(refused.value) or neighbour in statement.format(own=own, neighbour=neighbour)


def test_the_role_of_a_client_enters_its_own_database_only(manager, neighbours):
    own, neighbour = (manager.database(subdomain) for subdomain in neighbours)
    with connect(manager, own, own) as cursor:
        cursor.execute("SELECT current_user")
    for other in (neighbour, manager.manager, "postgres", "template1"):
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            with connect(manager, own, other):
                pass


@contextmanager
def connect(manager, own, database):
    """A cursor, as the process of instance ``own`` could open one."""
    if own not in ROLES:
        printed = manager.run_script(
            f"i = env['saas.instance'].search([('database_name', '=', '{own}')])\n"
            "print('ROLE', i.tenant_role, i._reveal_secret__('tenant_password'))"
        )
        ROLES[own] = next(line.split()[1:] for line in printed.splitlines() if line.startswith("ROLE"))
    role, password = ROLES[own]
    host = manager.environment.cluster.odoo_options()["db_host"]
    with closing(psycopg2.connect(host=host, user=role, password=password, dbname=database)) as connection:
        connection.autocommit = True
        yield connection.cursor()


# === FROM INSIDE === #

ACTIONS = {
    "the suite in Apps": (
        "env['ir.module.module'].update_list()\n"
        "found = env['ir.module.module'].search([('name', '=like', 'lokario%')]) "
        "| env['ir.module.module'].search([('name', 'in', ['saas_manager', 'email_engine_bridge', 'queue_job'])])\n"
        "answer = ','.join(found.mapped('name'))",
        "",
    ),
    "registries of others": (
        "try:\n    answer = ','.join(sorted(env.registry.registries.keys()))\n"
        "except Exception:\n    answer = env.cr.dbname  # not even that table can be reached",
        "{own}",
    ),
    "the role": (
        "env.cr.execute('SELECT current_user, session_user')\nanswer = ','.join(env.cr.fetchone())",
        "{role},{role}",
    ),
    "the neighbour's database": (
        "c = env.registry.cursor()\nc.connection.set_session(autocommit=True)\n"
        "try:\n    c.execute('DROP DATABASE \"{neighbour}\" WITH (FORCE)')\n    answer = 'dropped'\n"
        "except Exception as e:\n    answer = 'must be owner' if 'must be owner' in str(e) else str(e)\nc.close()",
        "must be owner",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def client(manager, neighbours):
    """Calls of the administrator of the first instance."""
    subdomain = next(iter(neighbours))
    host = f"{subdomain}.localhost"
    cookie = log_in(manager, host, f"{subdomain}@client.test", PASSWORDS[subdomain])

    def call(model, method, *args, **kwargs):
        params = {"model": model, "method": method, "args": list(args), "kwargs": kwargs}
        answer = manager.post("/web/dataset/call_kw", {"params": params}, host=host, Cookie=cookie)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    return call


@pytest.mark.expects_log("bad query: b'DROP DATABASE")
@pytest.mark.parametrize("attack", ACTIONS)
def test_a_server_action_of_a_client_finds_only_his_own(manager, neighbours, client, attack):
    code, expected = ACTIONS[attack]
    own, neighbour = (manager.database(subdomain) for subdomain in neighbours)
    role = manager.read("saas.instance", next(iter(neighbours.values())), "tenant_role")
    names = {"own": own, "neighbour": neighbour, "manager": manager.manager, "role": role}
    for name_, value in names.items():
        code, expected = code.replace(f"{{{name_}}}", value), expected.replace(f"{{{name_}}}", value)
    code += "\naction = {'type': 'ir.actions.act_url', 'url': answer or 'nothing'}"
    model = client("ir.model", "search", [["model", "=", "res.partner"]])[0]
    action = client("ir.actions.server", "create", {"name": attack, "model_id": model, "state": "code", "code": code})
    assert client("ir.actions.server", "run", action if isinstance(action, list) else [action])["url"] == (
        expected or "nothing"
    )
    assert neighbour in manager.databases()


SIGHTS = [
    "[entry for entry in os.listdir('{data}') if entry not in ('instances', 'instance-addons')][0]",
    "os.listdir('{data}/instance-addons')[0]",  # nothing of the suite: no template names any of it
    "os.listdir('{neighbour_home}')",
    "open('{conf}').read()",
    "os.listdir('{suite}/saas_manager')",
    "os.listdir('{data}/filestore')",
    "os.listdir('{data}/sessions')",
    "socket.socket(socket.AF_UNIX).connect('{neighbour_socket}')",
    "os.kill(1, 9)",
    "os.kill({neighbour_process}, 9)",
    "os.kill({server_process}, 9)",
    "open('/proc/{server_process}/environ').read()",
    "open('/proc/1/environ').read()",
    "open('/proc/1/mem', 'rb').read(1)",
    "open('/etc/shadow').read()",
    "os.setuid(0)",
    "os.setuid({neighbour_user})",
    "os.chroot('/')",
    "open('{suite}/lokario_host/child.py', 'a')",
    "os.unlink(os.path.join(os.path.dirname(socket.__file__), 'os.py'))",
    "os.listdir('{postgres_data}')",
    "os.listdir('/root/.ssh')",
    "[int(pid) for pid in os.listdir('/proc') if pid.isdigit() and os.stat('/proc/' + pid).st_uid != os.getuid()][0]",
    "socket.create_server(('0.0.0.0', 80))",
    "os.mknod('/tmp/disk', 0o060666, os.makedev(8, 0))",
]


@pytest.mark.skipif(os.getuid() != 0, reason="without root instances share a user: docs/saas.md")
@pytest.mark.parametrize("sight", SIGHTS)
def test_a_clients_process_sees_nothing_else(manager, neighbours, sight):
    """What Python would do there, run with the very view and user of the process."""
    own, neighbour = (manager.database(subdomain) for subdomain in neighbours)
    for subdomain in neighbours:
        assert manager.get(f"{subdomain}.localhost")[0] == 200
    process, user = process_of(own).pid, process_of(own).uids().real
    other, other_user = process_of(neighbour).pid, process_of(neighbour).uids().real
    names = {
        "data": data_folder(), "neighbour_home": data_folder() / "instances" / neighbour, "conf": manager.server.conf,
        "suite": ROOT, "neighbour_socket": data_folder() / "sockets" / f"{neighbour}.sock", "neighbour_process": other,
        "neighbour_user": other_user, "server_process": manager.server.process.pid,
        "postgres_data": manager.environment.cluster.data,
    }  # fmt: skip
    code = f"import os, socket; print(repr({sight.format(**names)}))"
    done = subprocess.run(
        ["nsenter", "--target", str(process), "--mount", "--pid", "setpriv", f"--reuid={user}", f"--regid={user}",
         "--clear-groups", "--no-new-privs", sys.executable, "-c", code],
        capture_output=True, text=True, cwd="/", env={"PATH": os.defpath},
    )  # fmt: skip
    assert done.returncode, f"{sight}: {done.stdout}"
    assert re.search(r"PermissionError|FileNotFoundError|ProcessLookupError|IndexError", done.stderr), done.stderr[
        -500:
    ]
