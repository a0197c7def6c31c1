"""Instances with a process, a PostgreSQL role and, as root, an operating-system user each."""

import contextlib
import math
import os
import random
import time
import urllib.error
import urllib.request

import psutil
import psycopg2
import pytest
import websocket
from clients import log_in, name, password_in
from fleet import BUSY, wait_until

from benchmarks import tenant_attacks as attacks
from benchmarks.chaos_tenants import kill_at_random, make_neighbours, take_everything, tenants
from lokario_cli.front import Front
from lokario_cli.odoo_process import InstanceHost, free_port
from lokario_host import sandbox
from lokario_testing.environments.databases import data_folder
from lokario_testing.environments.processes import end_process, process_of

IDLE = 0.05  # minutes
SEED = 4  # of the dice: each victim is met


@pytest.fixture(scope="module")
def manager(environment):
    with tenants(environment) as started:
        started.call("saas.plan", "write", [started.plan_id], {"idle_minutes": IDLE})
        yield started


@pytest.fixture
def mails(manager):
    manager.forget_mails()
    return manager.wait_for_mails


@pytest.fixture(scope="module")
def neighbours(manager):
    """Two active instances, and what is known of them."""
    return make_neighbours(manager)


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
    subdomain = neighbours.subdomains[0]
    database = manager.database(subdomain)
    assert manager.get(f"{subdomain}.localhost")[0] == 200
    assert process_of(database)
    wait_until(lambda: process_of(database) is None)
    sessions = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'"
    wait_until(lambda: manager.environment.cluster.psql(sessions) == "0")
    assert manager.get(f"{subdomain}.localhost")[0] == 200
    assert process_of(database)


def test_a_due_job_wakes_a_stopped_instance(manager, neighbours):
    database = neighbours.own
    sql = manager.environment.cluster.psql
    sql("UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'utc' + interval '8 s' WHERE id = 1", database)
    manager.get(neighbours.host)  # the job is told to the supervisor when the process ends
    wait_until(lambda: process_of(database) is None)
    wait_until(lambda: sql("SELECT nextcall > now() AT TIME ZONE 'utc' + interval '1 min' FROM ir_cron WHERE id = 1",
                           database) == "t", 60)  # fmt: skip


@pytest.mark.expects_log("died early; started again in 1 s")
def test_a_killed_process_is_started_again(manager, neighbours):
    subdomain = neighbours.subdomains[0]
    assert manager.get(f"{subdomain}.localhost")[0] == 200
    os.kill(process_of(manager.database(subdomain)).pid, 9)
    wait_until(lambda: manager.get(f"{subdomain}.localhost")[0] == 200)


def test_suspending_ends_what_a_client_has_left_running(manager, mails):
    """Also what has left its session, and a process that hears no signal but the last one."""
    subdomain = name()
    attacker = attacks.Neighbours(manager, [subdomain, subdomain], [""])
    instance = manager.provision(subdomain)
    attacker.passwords[0] = password_in(mails(1)[0])
    attacker.post("/run", {"expression": "subprocess.Popen(['setsid', 'sleep', '601'], close_fds=False).pid"})
    attacker.post("/run", {"expression": "cr.execute('ALTER ROLE CURRENT_USER PASSWORD NULL')"})
    process = process_of(attacker.own)
    escaped = [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", "601"]]
    assert escaped
    process.suspend()
    manager.call("saas.instance", "action_suspend", [instance])
    assert not process.is_running()
    if os.getuid() == 0:
        assert not any(one.is_running() for one in escaped)
    for one in escaped:
        with contextlib.suppress(psutil.Error):
            one.kill()
    manager.call("saas.instance", "action_reactivate", [instance])
    assert manager.get(attacker.host)[0] == 200


SECOND_SERVER = """
first = env["saas.server"].browse({server})
second = first.copy({{"name": "There", "base_domain": "b.localhost", "runs_on": "b", "http_host": "127.0.0.1",
                      "http_port": {port}, "state": "active"}})
made = env["saas.template"].browse({template})
template = made.copy({{"server_id": second.id}})
template.write({{"state": "ready", "template_db": made.template_db, "version": 1}})
plan = env["saas.plan"].browse({plan}).copy({{"template_id": template.id, "server_id": second.id}})
env.cr.commit()
print("PLAN", plan.id)
"""


@pytest.fixture(scope="module")
def second_host(manager, tmp_path_factory):
    """A host of its own for the instances of another server, with a role that may only read; and nginx before it."""
    cluster, sockets = manager.environment.cluster, tmp_path_factory.mktemp("b", numbered=False)
    cluster.admit_host("lokario_host_b", "secret", manager.manager)
    own = {"db_user": "lokario_host_b", "db_password": "secret", "lokario/host_sockets": str(sockets)}
    front = Front("127.0.0.1", free_port(), {**manager.server.options, **own})
    host = InstanceHost(manager.server, "b", **own)
    with host, front:
        script = SECOND_SERVER.format(
            server=manager.server_id, template=manager.template_id, plan=manager.plan_id, port=front._port
        )
        printed = manager.run_script(script)
        host.plan = int(next(line.split()[1] for line in printed.splitlines() if line.startswith("PLAN")))
        yield host, front, sockets


@pytest.mark.expects_log(".")  # its database is taken away from a running manager
def test_another_host_runs_its_own_and_goes_on_while_the_manager_is_away(manager, neighbours, second_host):
    host, front, sockets = second_host
    sql, subdomain = manager.environment.cluster.psql, name()
    instance = manager.provision(subdomain, plan_id=host.plan)
    assert manager.read("saas.instance", instance, "state", "error_message") == ["active", False]
    database, visited = manager.database(subdomain), f"{subdomain}.b.localhost"
    assert (sockets / f"{database}.sock").exists()
    assert not (data_folder() / "sockets" / f"{database}.sock").exists()
    assert not (sockets / f"{neighbours.own}.sock").exists()
    with pytest.raises(psycopg2.errors.InsufficientPrivilege), reader(manager) as cursor:
        cursor.execute("SELECT password FROM res_users")

    running = "SELECT 1 FROM queue_job WHERE state IN ('pending', 'enqueued', 'started') LIMIT 1"
    wait_until(lambda: not sql(running, manager.manager))  # a job that is cut off is queued again much later
    sql(f'ALTER DATABASE "{manager.manager}" ALLOW_CONNECTIONS false')
    sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{manager.manager}'")
    end_process(database)
    assert ask(front, visited) == 200, "the process starts without the manager"
    host.process.kill()
    host.process.wait()
    host.start()
    assert ask(front, visited) == 200, "a host that starts knows what was wanted last"
    sql(f'ALTER DATABASE "{manager.manager}" ALLOW_CONNECTIONS true')

    wait_until(lambda: manager.get("localhost")[0] == 200)
    manager.log_in()
    wait_until(lambda: sql("SELECT 1 FROM pg_stat_activity WHERE application_name = 'lokario_host b'") == "1")
    manager.call("saas.instance", "action_suspend", [instance])
    assert process_of(database) is None
    assert ask(front, visited) == 503


@contextlib.contextmanager
def reader(manager):
    options = manager.environment.cluster.odoo_options()
    with contextlib.closing(
        psycopg2.connect(host=options["db_host"], user="lokario_host_b", password="secret", dbname=manager.manager)
    ) as connection:
        yield connection.cursor()


def ask(front, host) -> int:
    request = urllib.request.Request(f"{front.url}/web/login", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def test_where_docs_say_so_the_client_is_known_by_his_user_only(neighbours):
    """The attacks find what they look for where nothing stops them: the attacker himself."""
    answer = neighbours.post("/run", {"expression": "(os.getuid(), open('/proc/self/stat').read()[:1] != '')"})
    assert answer["value"] == f"({process_of(neighbours.own).uids().real}, True)"


@pytest.mark.parametrize("statement", attacks.SQL)
def test_sql_of_a_client_reaches_nothing_else(neighbours, statement):
    held, answer = neighbours.sql(statement)
    assert held, answer


def test_the_role_of_a_client_enters_its_own_database_only(manager, neighbours):
    with neighbours.connect(neighbours.own) as cursor:
        cursor.execute("SELECT current_user")
    for other in (neighbours.neighbour, manager.manager, "postgres", "template1"):
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            neighbours.connect(other)


@pytest.mark.expects_log(
    "bad query: b'(DROP DATABASE|ALTER ROLE)|Traceback|during request|attack|Cursor not closed|forbidden opcode"
)
@pytest.mark.parametrize("attack", attacks.ACTIONS)
def test_a_server_action_of_a_client_finds_only_his_own(manager, neighbours, attack):
    held, answer = neighbours.action(attack)
    assert held, answer
    assert neighbours.neighbour in manager.databases()


@pytest.mark.parametrize("content", attacks.PAGES)
def test_a_printed_page_holds_nothing_of_others(neighbours, content):
    held, answer = neighbours.page(content)
    assert held, answer


def test_nothing_of_others_is_reachable_from_env(neighbours):
    held, answer = neighbours.walk()
    assert held, answer


@pytest.mark.parametrize("sight", attacks.promised_sights())
def test_a_clients_process_sees_nothing_else(neighbours, sight):
    """Python that has left Odoo's sandbox, inside the process itself."""
    held, answer = neighbours.sight(sight)
    assert held, answer


@pytest.mark.skipif(not sandbox.is_available(), reason="this machine lets nobody have a view of his own")
def test_what_everybody_may_write_to_is_each_ones_own(manager, neighbours):
    other = attacks.Neighbours(manager, neighbours.subdomains[::-1], neighbours.passwords[::-1])
    written = "[open(f'{folder}/mine', 'w').write('x') for folder in ('/tmp', '/var/tmp')]"
    assert neighbours.post("/run", {"expression": written})["value"] == "[1, 1]"
    assert int(neighbours.post("/run", {"expression": "libc.shmget(77, 4096, 0o1666)"})["value"]) >= 0
    seen = "'mine' in os.listdir('/tmp') + os.listdir('/var/tmp'), libc.shmget(77, 4096, 0)"
    assert other.post("/run", {"expression": seen})["value"] == "(False, -1)"


@pytest.mark.expects_log("died early; started again in|Odoo Server Error|OperationalError")
@pytest.mark.parametrize("attack", attacks.MISCHIEF)
def test_nobody_notices_what_a_client_does_to_himself(neighbours, attack):
    held, answer = neighbours.mischief(attack)
    assert held, answer
    wait_until(lambda: neighbours.manager.get(neighbours.host)[0] == 200)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can end what a client has left running")
@pytest.mark.expects_log(".")  # of the greedy one's own process
def test_beside_a_greedy_client_everybody_is_answered(manager, neighbours, monkeypatch):
    """Through nginx, as in production; how fast, `./lokario chaos tenants --part greedy` says."""
    with Front("127.0.0.1", free_port(), manager.server.options) as front:
        monkeypatch.setattr(manager.server, "url", front.url)
        monkeypatch.setattr(manager.server, "port", front._port)
        assert take_everything(neighbours, asked=10, slower=math.inf) == []


@pytest.mark.expects_log("died early; started again in|The parent of instances with|Re-queued dead job")
def test_whatever_is_killed_comes_back(neighbours):
    """A small sample of `./lokario chaos tenants`; PostgreSQL is others', too, and there is no nginx here."""
    spared = ("PostgreSQL", "nginx")
    assert kill_at_random(neighbours, 5, random.Random(SEED), BUSY, spared) == []
