"""Odoo's cron threads and an external scheduler start the same job at the same moments: never two runs at once."""

import os
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from lokario_cli.odoo_process import TEST_SECRETS, Server

ROUNDS, CALLERS = 6, 8
JOB = """(SELECT res_id FROM ir_model_data WHERE model = 'ir.cron' AND name = 'ir_cron_account_deletions')"""
PLANTED = f"""
CREATE TABLE race (started timestamptz, ended timestamptz);
ALTER TABLE race OWNER TO odoo;
UPDATE ir_cron SET active = id = {JOB};
UPDATE ir_act_server SET code = 'env.cr.execute("INSERT INTO race SELECT clock_timestamp()"); '
    'env.cr.execute("SELECT pg_sleep(0.2)"); env.cr.execute("UPDATE race SET ended = clock_timestamp() '
    'WHERE ended IS NULL")' WHERE id = (SELECT ir_actions_server_id FROM ir_cron WHERE id = {JOB});
"""
OVERLAPPING = """
SELECT count(*) FROM race a JOIN race b ON a.started < b.started AND b.started < a.ended
"""


@pytest.fixture
def site(environment, suite_database):
    database = environment.clone(suite_database, f"race_{os.getpid()}")
    environment.cluster.psql(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
    environment.cluster.psql(PLANTED, database)
    options = {"lokario/manager_db": database, "db_name": database, "max_cron_threads": "2"}
    with Server(f"race-{os.getpid()}", environment.options(**options)) as server:
        server.wake = lambda: environment.cluster.psql(f"SELECT pg_notify('cron_trigger', '{database}')")
        server.sql = lambda statement: environment.cluster.psql(statement, database)
        yield server
    environment.drop(database)


def call(server):
    request = urllib.request.Request(
        f"{server.url}/users/process-account-deletions",
        headers={"Authorization": f"Bearer {TEST_SECRETS['CRON_SECRET']}"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.status


def test_no_two_runs_at_once(site):
    with ThreadPoolExecutor(CALLERS) as callers:
        for _round in range(ROUNDS):
            site.sql(f"UPDATE ir_cron SET nextcall = now() - interval '1 day' WHERE id = {JOB}")
            site.wake()
            assert set(callers.map(lambda _number: call(site), range(CALLERS))) == {200}
    runs = int(site.sql("SELECT count(*) FROM race WHERE ended IS NOT NULL"))
    assert ROUNDS <= runs < ROUNDS * CALLERS
    assert site.sql(OVERLAPPING) == "0"
    assert site.sql("SELECT count(*) FROM lokario_scheduled_run WHERE state = 'done'") == str(runs)
    assert site.sql("SELECT count(*) FROM lokario_scheduled_run WHERE state <> 'done'") == "0"
