"""What a process for each instance costs, beside one plain Odoo for each and beside the shared process.

Private memory is what ends with the process (USS). A cold start is measured from the request to the first byte of the
login page of an instance whose process has ended. Visitors come through nginx, as in production. How many instances
there are is printed: as many as fit into minutes.
"""

import contextlib
import os
import time
import uuid

import psutil

from lokario_cli.console import Failure, say
from lokario_cli.odoo_process import Server
from lokario_cli.setup.postgres import Cluster
from lokario_testing.environments.databases import Databases
from lokario_testing.environments.processes import end_process, process_of
from lokario_testing.environments.provisioning import TEMPLATE_MODULES, ProvisioningEnvironment
from lokario_testing.results import Result, median, p95, seconds

from .chaos_tenants import password_in
from .tenant_attacks import Neighbours

INSTANCES = int(os.environ.get("LOKARIO_BENCH_INSTANCES", "20"))
LARGE = f"{TEMPLATE_MODULES}, contacts, calendar, project, sale_management, purchase"  # about 75 with what they need
RUNNING = 20  # at once; PostgreSQL has connections for few more
LARGE_INSTANCES = 5
PLAIN = 3  # plain Odoos that stand beside
CALLS = 2000
MODELS = ("res.partner", "res.users", "ir.module.module", "mail.message", "mail.template", "res.country", "ir.cron",
          "ir.ui.view", "res.company", "res.lang")  # fmt: skip
VISITS = 30
MEGABYTE = 1024 * 1024
CRON_WAIT = 90  # seconds
STARTS = 20  # cold ones for each figure, at least


def run() -> list[Result]:
    with (
        Cluster.for_tests() as cluster,
        ProvisioningEnvironment(Databases(cluster), places=500, is_fronted=True) as manager,
    ):
        manager.build_template()
        manager.call("saas.plan", "write", [manager.plan_id], {"idle_minutes": 60})
        subdomains, records, waits = _provision(manager, INSTANCES)
        plain_starts, plain_memory = _plain(manager)
        return [
            Result(f"button to active with verification, p95 of {len(waits)}", p95(waits), None, "ours <= 1.2"),
            *_memory(manager, subdomains, 45, plain_memory),
            _cold_starts(manager, subdomains, 0.7, plain_starts),
            _latency(manager, subdomains[0]),
            *_suspensions(manager, records[:10]),
            _crons(manager, subdomains),
            *_large(manager),
        ]


def _large(manager) -> list[Result]:
    """The same of a template with many modules."""
    values = {"name": "Large", "code": "large", "modules": LARGE}
    template = manager.call("saas.template", "copy", [manager.template_id], values)[0]
    manager.call("saas.template", "action_build", [template])
    assert manager.wait_for("saas.template", template, {"ready", "failed"}, 900) == "ready"
    subdomains, _records, _waits = _provision(manager, LARGE_INSTANCES, template_id=template)
    return [*_memory(manager, subdomains, 70), _cold_starts(manager, subdomains, 1.0)]


def _provision(manager, count: int, **values):
    subdomains, records, waits = [], [], []
    for number in range(count):
        subdomain = f"b{number:03}{uuid.uuid4().hex[:6]}"
        record = manager.create_instance(subdomain, **values)

        def click(record=record):
            manager.call("saas.instance", "action_provision_instance", [record])
            assert manager.wait_for("saas.instance", record, {"active", "error"}, 60) == "active"

        waits.append(seconds(click))
        if number >= RUNNING:
            end_process(manager.database(subdomain))
        subdomains.append(subdomain)
        records.append(record)
    installed = "SELECT count(*) FROM ir_module_module WHERE state = 'installed'"
    modules = manager.environment.cluster.psql(installed, manager.database(subdomains[0]))
    say(f"  {count} instances of {modules} modules")
    return subdomains, records, waits


def _private(process: psutil.Process) -> float:
    return process.memory_full_info().uss / MEGABYTE


def _memory(manager, subdomains, most: float, plain: list[float] | None = None) -> list[Result]:
    running = subdomains[:RUNNING]
    for subdomain in running:
        assert manager.get(f"{subdomain}.localhost")[0] == 200
    idle = [_private(process_of(manager.database(subdomain))) for subdomain in running]
    host = psutil.Process(manager.host.process.pid)
    everything = sum(one.memory_full_info().pss for one in (host, *host.children(recursive=True))) / MEGABYTE
    busy = subdomains[0]
    _work(manager, busy)
    after = _private(process_of(manager.database(busy)))
    for subdomain in subdomains:
        end_process(manager.database(subdomain))
    asleep = sum(process_of(manager.database(subdomain)) is not None for subdomain in subdomains)
    return [
        Result("private memory, running and idle", median(idle), plain and median(plain), f"ours <= {most}", "MB"),
        Result(f"private memory after {CALLS} calls / idle", after / median(idle), None, "ours <= 1.8", "x"),
        Result(
            f"supervisor, parents, {len(running)} of {len(subdomains)} running", everything, None, "ours <= 1800", "MB"
        ),
        Result("processes of stopped instances", asleep, None, "ours <= 0", ""),
    ]


def _work(manager, subdomain: str) -> None:
    """What its administrator's web client asks for in a day: the page, lists and forms of several models."""
    client = Neighbours(manager, [subdomain, subdomain], [_password(manager, subdomain)])
    client.fetch("/odoo")
    records = {model: client.call(model, "search", [], limit=40) for model in MODELS}
    models = [model for model in MODELS if records[model]]
    for number in range(CALLS):
        turn, which = divmod(number, len(models))
        model = models[which]
        if turn % 2:
            client.call(model, "web_search_read", [], {"display_name": {}}, limit=40)
        else:
            record = records[model][turn % len(records[model])]
            client.call(model, "web_read", [record], {"display_name": {}, "create_uid": {}})


def _password(manager, subdomain: str, timeout: float = 120) -> str:
    """From the mail that its client got; a job sends it."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        for mail in manager.wait_for_mails(1):
            if f"{subdomain}@client.test" in mail:
                return password_in(mail)
        time.sleep(0.1)
    raise Failure(f"{subdomain} got no credentials")


def _cold_starts(manager, subdomains, most: float, plain: list[float] | None = None) -> Result:
    starts = []
    for subdomain in subdomains * max(1, STARTS // len(subdomains)):
        end_process(manager.database(subdomain))
        starts.append(seconds(lambda host=f"{subdomain}.localhost": manager.get(host)))
        end_process(manager.database(subdomain))
    return Result(f"cold start, p95 of {len(starts)}", p95(starts), plain and median(plain), f"ours <= {most}")


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
    psql, due = manager.environment.cluster.psql, time.time() + 5 + len(subdomains)
    for subdomain in subdomains:
        database = manager.database(subdomain)
        manager.get(f"{subdomain}.localhost")
        psql(f"UPDATE ir_cron SET nextcall = to_timestamp({due}) AT TIME ZONE 'utc' WHERE id = 1", database)
        end_process(database)
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
