"""What a process for each instance costs, beside one plain Odoo for each and beside the shared process.

Private memory is what ends with the process (USS). A cold start is measured from the request to the first byte of the
login page of an instance whose process has ended. How many instances there are is printed: as many as fit into minutes.
"""

import contextlib
import os
import time
import uuid

import psutil

from lokario_cli.console import say
from lokario_cli.odoo_process import Server
from lokario_cli.setup.postgres import Cluster
from lokario_testing.environments.databases import Databases
from lokario_testing.environments.processes import end_process, process_of
from lokario_testing.environments.provisioning import ProvisioningEnvironment
from lokario_testing.results import Result, median, p95, seconds

INSTANCES = int(os.environ.get("LOKARIO_BENCH_INSTANCES", "20"))
PLAIN = 3  # plain Odoos that stand beside
CALLS = 2000
VISITS = 30
MEGABYTE = 1024 * 1024
CRON_WAIT = 90  # seconds
MAX_COLD, MAX_MEMORY = 0.7, 45  # seconds, megabytes: of a template of about 32 modules


def run() -> list[Result]:
    with Cluster.for_tests() as cluster, ProvisioningEnvironment(Databases(cluster), places=500) as manager:
        manager.build_template()
        manager.call("saas.plan", "write", [manager.plan_id], {"idle_minutes": 60})
        subdomains, records, waits = _provision(manager)
        say(f"  {len(subdomains)} instances")
        plain_starts, plain_memory = _plain(manager)
        return [
            Result(f"button to active with verification, p95 of {len(waits)}", p95(waits), None, "ours <= 1.2"),
            *_memory(manager, subdomains, plain_memory),
            Result(
                "cold start, p95", p95(_cold_starts(manager, subdomains)), median(plain_starts), f"ours <= {MAX_COLD}"
            ),
            _latency(manager, subdomains[0]),
            *_suspensions(manager, records[:10]),
            _crons(manager, subdomains),
        ]


def _provision(manager):
    subdomains, records, waits = [], [], []
    for number in range(INSTANCES):
        subdomain = f"b{number:03}{uuid.uuid4().hex[:6]}"
        record = manager.create_instance(subdomain)

        def click(record=record):
            manager.call("saas.instance", "action_provision_instance", [record])
            assert manager.wait_for("saas.instance", record, {"active", "error"}, 60) == "active"

        waits.append(seconds(click))
        subdomains.append(subdomain)
        records.append(record)
    return subdomains, records, waits


def _private(process: psutil.Process) -> float:
    return process.memory_full_info().uss / MEGABYTE


def _memory(manager, subdomains, plain: list[float]) -> list[Result]:
    for subdomain in subdomains:
        assert manager.get(f"{subdomain}.localhost")[0] == 200
    idle = [_private(process_of(manager.database(subdomain))) for subdomain in subdomains]
    host = psutil.Process(manager.host.process.pid)
    everything = sum(one.memory_full_info().pss for one in (host, *host.children(recursive=True))) / MEGABYTE
    busy = subdomains[0]
    for _call in range(CALLS):
        manager.get(f"{busy}.localhost", "/web/login")
    after = _private(process_of(manager.database(busy)))
    for subdomain in subdomains:
        end_process(manager.database(subdomain))
    asleep = sum(process_of(manager.database(subdomain)) is not None for subdomain in subdomains)
    return [
        Result("private memory, running and idle", median(idle), median(plain), f"ours <= {MAX_MEMORY}", "MB"),
        Result(f"private memory after {CALLS} calls / idle", after / median(idle), None, "ours <= 1.8", "x"),
        Result(f"supervisor, parent and {len(subdomains)} running", everything, None, "ours <= 1800", "MB"),
        Result("processes of stopped instances", asleep, None, "ours <= 0", ""),
    ]


def _cold_starts(manager, subdomains) -> list[float]:
    starts = []
    for subdomain in subdomains:
        end_process(manager.database(subdomain))
        starts.append(seconds(lambda host=f"{subdomain}.localhost": manager.get(host)))
    return starts


def _latency(manager, subdomain: str) -> Result:
    """The same page of the same template, by a process of its own and by the shared one, in turn."""
    manager.call("saas.server", "write", [manager.server_id], {"isolation": "shared"})
    shared = f"s{uuid.uuid4().hex[:8]}"
    manager.provision(shared)
    hosts = (f"{subdomain}.localhost", f"{shared}.localhost")
    times = {host: [] for host in hosts}
    for host in hosts * (VISITS + 3):
        times[host].append(seconds(lambda host=host: manager.get(host)))
    manager.call("saas.server", "write", [manager.server_id], {"isolation": "process"})
    own, peer = (median(times[host][3:]) for host in hosts)
    return Result("login page once running: own process / shared", own, peer, "ratio <= 1.2")


def _suspensions(manager, records) -> list[Result]:
    off = [seconds(lambda one=one: manager.call("saas.instance", "action_suspend", [one])) for one in records]
    on = [seconds(lambda one=one: manager.call("saas.instance", "action_reactivate", [one])) for one in records]
    return [
        Result("suspend, slowest", max(off), None, "ours <= 1"),
        Result("reactivate, slowest", max(on), None, "ours <= 1"),
    ]


def _crons(manager, subdomains) -> Result:
    """All instances sleep and have a job due at one moment: how late is the last one?"""
    psql, due = manager.environment.cluster.psql, time.time() + 5
    for subdomain in subdomains:
        database = manager.database(subdomain)
        manager.get(f"{subdomain}.localhost")
        psql(f"UPDATE ir_cron SET nextcall = to_timestamp({due}) AT TIME ZONE 'utc' WHERE id = 1", database)
    for subdomain in subdomains:
        end_process(manager.database(subdomain))
    waiting, deadline = set(subdomains), due + CRON_WAIT
    while waiting and time.time() < deadline:
        for subdomain in list(waiting):
            query = f"SELECT nextcall > to_timestamp({due}) AT TIME ZONE 'utc' FROM ir_cron WHERE id = 1"
            if psql(query, manager.database(subdomain)) == "t":
                waiting.discard(subdomain)
        time.sleep(0.2)
    say(f"  {len(waiting)} jobs not run") if waiting else None
    return Result(f"jobs of {len(subdomains)} stopped instances, the latest", time.time() - due, None, "ours <= 60")


def _plain(manager) -> tuple[list[float], list[float]]:
    """One `odoo-bin` for each instance: seconds until its login page, and private memory."""
    starts, memory = [], []
    template = manager.read("saas.template", manager.template_id, "template_db")
    with contextlib.ExitStack() as stack:
        for number in range(PLAIN):
            database = manager.environment.clone(template, f"{manager.prefix}plain{number}")
            manager.environment.cluster.psql(f'ALTER DATABASE "{database}" IS_TEMPLATE false ALLOW_CONNECTIONS true')
            options = {"db_name": database, "lokario/manager_db": database, "max_cron_threads": "1", "workers": "0"}
            server = Server(f"plain{number}", manager.environment.options(**options))
            stack.callback(manager.environment.drop, database)
            start = time.perf_counter()
            stack.enter_context(server)
            manager_url, manager.server.url = manager.server.url, server.url
            try:
                assert manager.get("localhost")[0] == 200
            finally:
                manager.server.url = manager_url
            starts.append(time.perf_counter() - start)
            memory.append(_private(psutil.Process(server.process.pid)))
    return starts, memory
