"""PostgreSQL goes away and comes back under a running server (threaded, as odoo.conf ships it)."""

import http.cookiejar
import json
import os
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from fleet import wait_until

from lokario_cli.odoo_process import TEST_SECRETS, Server
from lokario_cli.paths import memory_folder
from lokario_cli.setup.postgres import ODOO_ROLE, Cluster, binaries
from lokario_testing.environments.databases import Databases

ENDPOINTS = (
    "/inbox/integrations/sync-all",
    "/followups/process-automatic",
    "/users/process-account-deletions",
    "/cron/check-overdue-and-reminders",
)
SLEEPING = "SELECT pg_sleep(60)"
TICKING = """
CREATE TABLE tick (at timestamptz DEFAULT clock_timestamp());
ALTER TABLE tick OWNER TO odoo;
UPDATE ir_cron SET active = id = (SELECT min(id) FROM ir_cron), interval_type = 'minutes', interval_number = 1,
    nextcall = now() - interval '1 day', failure_count = 0;
UPDATE ir_act_server SET code = 'env.cr.execute("INSERT INTO tick DEFAULT VALUES")', state = 'code'
    WHERE id = (SELECT ir_actions_server_id FROM ir_cron WHERE active);
"""

# The database goes away here, and everything that needs it says so.
pytestmark = pytest.mark.expects_log(
    r"PGSQL|shutting down|terminating connection|connection|lokario_gate\.outage|jobrunner|cursor already closed"
)


@pytest.fixture(scope="module")
def cluster(environment, suite_database):
    """A PostgreSQL of its own, with the suite's database: the others' is not to be restarted."""
    source = environment.clone(suite_database, f"restart_{os.getpid()}")
    environment.cluster.psql(f'ALTER DATABASE "{source}" ALLOW_CONNECTIONS true')
    with Cluster(f"restart-{os.getpid()}", memory_folder() / f"pg-restart-{os.getpid()}", throw_away=True) as cluster:
        copy_database(environment.cluster, cluster, source)
        yield cluster
    environment.drop(source)


def copy_database(source, target, name):
    target.psql(f'CREATE DATABASE "{name}" OWNER {ODOO_ROLE}')
    hosts = [["-h", str(cluster.socket), "-U", ODOO_ROLE, "-d", name] for cluster in (source, target)]
    with subprocess.Popen([binaries() / "pg_dump", "-Fc", *hosts[0]], stdout=subprocess.PIPE) as dump:
        subprocess.run([binaries() / "pg_restore", "--no-owner", *hosts[1]], stdin=dump.stdout, check=True)
    assert dump.returncode == 0


@pytest.fixture(scope="module")
def server(cluster):
    database = f"restart_{os.getpid()}"
    cluster.psql(TICKING, database)
    options = {"lokario/manager_db": database, "db_name": database, "max_cron_threads": "2"}
    with Server(database, Databases(cluster).options(**options)) as server:
        server.sql = lambda statement: cluster.psql(statement, database)
        server.wake = lambda: cluster.psql(f"SELECT pg_notify('cron_trigger', '{database}')")
        yield server


def restart(cluster):
    cluster._run("pg_ctl", "-w", "-s", "-D", cluster.data, "-m", "fast", "-l", cluster.data / "server.log", "restart")


def get(server, path, opener=None):
    try:
        with (opener or urllib.request.build_opener()).open(server.url + path, timeout=120) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def ticks_when_woken(server):
    """Make the job due, wake the cron threads as Odoo does, and tell whether one of them has run it."""
    before = int(server.sql("SELECT count(*) FROM tick"))
    server.sql("UPDATE ir_cron SET nextcall = now() - interval '1 day' WHERE active")

    def ran():
        server.wake()
        return int(server.sql("SELECT count(*) FROM tick")) > before

    wait_until(ran, 120)


def log_in(server):
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    token = re.search(r'name="csrf_token" value="([^"]+)"', get(server, "/web/login", opener)[1]).group(1)
    form = urllib.parse.urlencode({"login": "admin", "password": "admin", "csrf_token": token}).encode()
    opener.open(f"{server.url}/web/login", form, timeout=120).close()
    return opener


def test_scheduled_actions_run_after_a_restart(cluster, server):
    ticks_when_woken(server)
    restart(cluster)
    for _both_threads in range(2):
        ticks_when_woken(server)
    wait_until(lambda: server.log.read_text().count("has stopped and starts again") >= 2, 120)


def test_a_restart_during_a_job_is_a_500(cluster, server):
    action = "(SELECT ir_actions_server_id FROM ir_cron WHERE endpoint_path = '/users/process-account-deletions')"
    code = server.sql(f"SELECT code FROM ir_act_server WHERE id = {action}")
    server.sql(f"UPDATE ir_act_server SET code = 'env.cr.execute(\"{SLEEPING}\")' WHERE id = {action}")
    with ThreadPoolExecutor(1) as caller:
        called = caller.submit(get, server, f"{ENDPOINTS[2]}?secret={TEST_SECRETS['CRON_SECRET']}")
        wait_until(lambda: server.sql(f"SELECT 1 FROM pg_stat_activity WHERE query = '{SLEEPING}'"), 120)
        restart(cluster)
        status, body = called.result(60)
    server.sql(f"UPDATE ir_act_server SET code = $${code}$$ WHERE id = {action}")
    assert (status, json.loads(body)["success"]) == (500, False)
    assert get(server, f"{ENDPOINTS[2]}?secret={TEST_SECRETS['CRON_SECRET']}")[0] == 200


def test_an_absent_database_is_500_and_nobody_is_logged_out(cluster, server):
    opener = log_in(server)
    cluster.stop()
    try:
        for path in ENDPOINTS:
            status, body = get(server, f"{path}?secret={TEST_SECRETS['CRON_SECRET']}")
            assert status == 500, path
            answer = json.loads(body)
            assert set(answer) == {"success", "message", "timestamp"}
            assert answer["success"] is False
            assert "cannot be reached" in answer["message"]
        status, page = get(server, "/odoo", opener)
        assert status == 503
        assert "cannot be reached" in page
        assert get(server, "/web/health")[0] == 200
    finally:
        cluster.start()
    assert get(server, f"{ENDPOINTS[2]}?secret={TEST_SECRETS['CRON_SECRET']}")[0] == 200
    assert "session_info" in get(server, "/odoo", opener)[1]
    assert TEST_SECRETS["CRON_SECRET"] not in server.log.read_text()
