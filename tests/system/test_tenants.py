"""Instances with a process, a PostgreSQL role and, as root, an operating-system user each."""

import os
import time

import psycopg2
import pytest
import websocket
from clients import log_in, name, password_in
from fleet import BUSY, wait_until

from benchmarks import tenant_attacks as attacks
from benchmarks.chaos_tenants import make_neighbours, tenants
from lokario_testing.environments.databases import data_folder
from lokario_testing.environments.processes import process_of

IDLE = 0.05  # minutes
EXPECTED = "bad query: b'(DROP DATABASE|ALTER ROLE)"


@pytest.fixture(scope="module")
def manager(environment):
    with tenants(environment) as started:
        started.call("saas.plan", "write", [started.plan_id], {"idle_minutes": IDLE})
        yield started


@pytest.fixture
def mails(manager):
    manager.mails.received.clear()
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
    database = manager.database(neighbours.subdomains[0])
    sql = manager.environment.cluster.psql
    sql("UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'utc' + interval '8 s' WHERE id = 1", database)
    manager.get(f"{neighbours.subdomains[0]}.localhost")  # the job is told to the supervisor when the process ends
    wait_until(lambda: process_of(database) is None)
    wait_until(lambda: sql("SELECT nextcall > now() AT TIME ZONE 'utc' + interval '1 min' FROM ir_cron WHERE id = 1",
                           database) == "t", 60)  # fmt: skip


@pytest.mark.expects_log("died early; started again in 1 s")
def test_a_killed_process_is_started_again(manager, neighbours):
    subdomain = neighbours.subdomains[0]
    assert manager.get(f"{subdomain}.localhost")[0] == 200
    os.kill(process_of(manager.database(subdomain)).pid, 9)
    wait_until(lambda: manager.get(f"{subdomain}.localhost")[0] == 200)


@pytest.mark.parametrize("statement", attacks.SQL)
def test_sql_of_a_client_reaches_nothing_else(neighbours, statement):
    failed, answer = neighbours.sql(statement)
    assert failed, answer


def test_the_role_of_a_client_enters_its_own_database_only(manager, neighbours):
    with neighbours.connect(neighbours.own) as cursor:
        cursor.execute("SELECT current_user")
    for other in (neighbours.neighbour, manager.manager, "postgres", "template1"):
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            neighbours.connect(other)


@pytest.mark.expects_log(EXPECTED)
@pytest.mark.parametrize("attack", attacks.ACTIONS)
def test_a_server_action_of_a_client_finds_only_his_own(manager, neighbours, attack):
    failed, answer = neighbours.action(attack)
    assert failed, answer
    assert neighbours.neighbour in manager.databases()


@pytest.mark.parametrize("content", attacks.PAGES)
def test_a_printed_page_holds_nothing_of_others(neighbours, content):
    failed, answer = neighbours.page(content)
    assert failed, answer


def test_nothing_of_others_is_reachable_from_env(neighbours):
    failed, answer = neighbours.walk()
    assert failed, answer


@pytest.mark.skipif(os.getuid() != 0, reason="without root instances share a user: docs/saas.md")
@pytest.mark.parametrize("sight", attacks.SIGHTS)
def test_a_clients_process_sees_nothing_else(neighbours, sight):
    """What Python would do there, run with the very view and user of the process."""
    failed, answer = neighbours.sight(sight)
    assert failed, answer
