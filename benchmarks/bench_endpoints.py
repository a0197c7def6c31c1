"""200 calls of a scheduled endpoint, 16 at a time, while its job runs: one run, no 500, quick answers.

Once with threads and once with two worker processes, of which one may wait for the job.
"""

import json
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from lokario_cli.odoo_process import TEST_SECRETS, Server
from lokario_cli.setup.postgres import Cluster
from lokario_testing.environments.databases import Databases
from lokario_testing.results import Result, p95

CALLS, AT_A_TIME = 200, 16
WORKERS = (0, 2)
WARM_CALLS = 20
RUN_SECONDS = 6
PATH = "/users/process-account-deletions"
JOB = "ir_cron_account_deletions"


def run() -> list[Result]:
    with Cluster.for_tests() as cluster:
        environment = Databases(cluster)
        database = environment.clone(environment.template(), "lokario_bench_endpoints")
        try:
            environment.run_odoo(database, "-i", "lokario_account", "--stop-after-init")
            _slow_job(cluster, database)
            return [result for workers in WORKERS for result in _with_workers(environment, database, workers)]
        finally:
            environment.drop(database)


def _with_workers(environment, database, workers):
    bound = {"lokario/manager_db": database, "db_name": database, "max_cron_threads": "0", "workers": str(workers)}
    environment.cluster.psql("DELETE FROM lokario_scheduled_run", database)
    with Server(f"bench-endpoints-{workers}", environment.options(**bound)) as server:
        return _measure(environment.cluster, database, server, f"{workers} workers" if workers else "threads")


def _slow_job(cluster, database):
    """The job of the calls takes some seconds and does nothing else."""
    cluster.psql(
        f"""UPDATE ir_act_server SET code = 'env.cr.execute("SELECT pg_sleep({RUN_SECONDS})")' WHERE id =
        (SELECT c.ir_actions_server_id FROM ir_cron c JOIN ir_model_data d ON d.res_id = c.id
         WHERE d.model = 'ir.cron' AND d.name = '{JOB}')""",
        database,
    )


def _measure(cluster, database, server, how) -> list[Result]:
    for _process in range(WARM_CALLS):
        _call(server, {})  # loads the registry; refused, so it runs nothing
    answers, lock = [], threading.Lock()

    def call(_number):
        start = time.perf_counter()
        status, body = _call(server, {"Authorization": f"Bearer {TEST_SECRETS['CRON_SECRET']}"})
        with lock:
            answers.append((time.perf_counter() - start, status, body.get("message", "")))

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(call, range(CALLS)))
    quick = [elapsed for elapsed, _status, message in answers if message.endswith("en cours")]
    runs = int(cluster.psql("SELECT count(*) FROM lokario_scheduled_run", database))
    wrong = sum(status != 200 for _elapsed, status, _message in answers)
    return [
        Result(f"endpoints, {how}: runs of {CALLS} calls", runs, None, "ours <= 1", "runs"),
        Result(f"endpoints, {how}: answers that are not 200", wrong, None, "ours <= 0", ""),
        Result(f"endpoints, {how}: p95 of {len(quick)} calls that do not wait", p95(quick), None, "ours <= 0.15"),
    ]


def _call(server, headers):
    request = urllib.request.Request(server.url + PATH, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as err:
        return err.code, json.load(err)
