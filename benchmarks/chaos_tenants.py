"""Attacks of a client's administrator on everybody else, a client who takes all he can get, and kill -9 of what serves.

Promises: nothing of another instance, the manager, the secrets or the machine is read, changed, named or stopped; a
neighbour is hardly slowed down; whatever is killed, no request is answered by the wrong database, and everything is
back within seconds.
"""

import contextlib
import random
import re
import statistics
import threading
import time
import uuid
from http.client import HTTPException

import psutil
import psycopg2

from lokario_cli.console import Failure, say
from lokario_cli.paths import ROOT
from lokario_cli.setup.postgres import Cluster
from lokario_testing.environments.databases import Databases
from lokario_testing.environments.processes import process_of
from lokario_testing.environments.provisioning import TEMPLATE_MODULES, ProvisioningEnvironment

from . import tenant_attacks as attacks

PARTS = ("attacks", "greedy", "kills")
POINTS = 100  # kills
BACK_WITHIN = 5.0  # seconds, once PostgreSQL accepts connections
PATIENCE = 60  # seconds until it counts as lost
ASKED = 200  # requests for each figure of the greedy client
SLOWER = 2.0  # times the neighbour's own p99 without the greedy client
PASSWORD = re.compile(r"(?:Password|Mot de passe)\s*(\S{20})\b")
BUSY = "end = time.time() + 60\nwhile time.time() < end:\n    n = 1\n"
COMPUTE = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"
SLEEP = "env.cr.execute('SELECT pg_sleep(60)')"
FORKS = "len([subprocess.Popen(['timeout', '60', 'sh', '-c', 'while :; do :; done']) for _ in range(20)])"


def run(points: int, seed: int, parts: list[str] = PARTS) -> list[str]:
    if unknown := set(parts) - set(PARTS):
        raise Failure(f"There is no part {', '.join(unknown)}. There are: {', '.join(PARTS)}.")
    broken = []
    with Cluster.for_tests() as cluster, tenants(Databases(cluster), is_fronted=True) as manager:
        neighbours = make_neighbours(manager)
        if "attacks" in parts:
            broken += attack(neighbours)
        if "greedy" in parts:
            broken += take_everything(neighbours)
        if "kills" in parts:
            broken += kill_at_random(neighbours, points, random.Random(seed))
    return broken


@contextlib.contextmanager
def tenants(environment, **more):
    """A manager whose template has, besides Odoo's modules, the printer and the walker of the attack suite."""
    addons = f"{ROOT},{ROOT / 'benchmarks' / 'addons'}"
    modules = f"{TEMPLATE_MODULES}, base_automation, base_import_module, report_chromium, tenant_walker"
    with ProvisioningEnvironment(environment, modules=modules, addons_path=addons, **more) as manager:
        manager.build_template()
        yield manager


def make_neighbours(manager) -> attacks.Neighbours:
    manager.forget_mails()
    subdomains = [f"c{uuid.uuid4().hex[:10]}" for _ in range(2)]
    for subdomain in subdomains:
        state, problem = manager.read("saas.instance", manager.provision(subdomain), "state", "error_message")
        assert state == "active", problem
    passwords = {re.search(r"(\w+)@client\.test", mail)[1]: password_in(mail) for mail in manager.wait_for_mails(2)}
    return attacks.Neighbours(manager, subdomains, [passwords[subdomain] for subdomain in subdomains])


def password_in(raw: str) -> str:
    import email.policy

    body = email.message_from_string(raw, policy=email.policy.default).get_body(("plain",)).get_content()
    return PASSWORD.search(body.replace("*", "")).group(1)


# === ATTACKS === #


def attack(neighbours: attacks.Neighbours) -> list[str]:
    """Try everything once; prints what answered."""
    tries = [(neighbours.sql, statement) for statement in attacks.SQL]
    tries += [(neighbours.action, name) for name in attacks.ACTIONS]
    tries += [(neighbours.page, content) for content in attacks.PAGES]
    tries += [(neighbours.walk, "everything reachable from env")]
    tries += [(neighbours.sight, sight) for sight in attacks.promised_sights()]
    tries += [(neighbours.mischief, name) for name in attacks.MISCHIEF]
    broken = []
    for attempt, what in tries:
        held, answer = attempt(what)
        say(f"  {'held  ' if held else 'BROKEN'} {what[:70]!r}: {answer[:90]}")
        broken += [] if held else [f"{what}: {answer}"]
        if attempt == neighbours.mischief:  # his own process may have died of it
            took = _until_back(neighbours)
            say(f"         all of them answer after {took:.1f} s")
            broken += [] if took < PATIENCE else [f"{what}: he is lost himself"]
    say(f"  {len(tries)} attacks")
    return broken


# === A GREEDY CLIENT === #


def take_everything(neighbours: attacks.Neighbours, asked: int = ASKED, slower: float = SLOWER) -> list[str]:
    """Processor, connections, sockets, sleeping requests of one client; what his neighbour and the manager notice."""
    manager, other = neighbours.manager, f"{neighbours.subdomains[1]}.localhost"
    hosts = {"the neighbour": other, "the manager": "localhost"}
    before = {who: _p99(manager, host, asked) for who, host in hosts.items()}
    with _greed(neighbours):
        during = {who: _p99(manager, host, asked) for who, host in hosts.items()}
    broken = []
    for who in hosts:
        ratio = during[who] / before[who]
        say(f"  {who}: p99 {before[who] * 1000:.0f} ms alone, {during[who] * 1000:.0f} ms beside a greedy client")
        broken += [f"{who} is {ratio:.1f} times slower"] if ratio >= slower else []
    return broken


def _p99(manager, host: str, asked: int) -> float:
    manager.get(host)
    times = []
    for _turn in range(asked):
        start = time.perf_counter()
        assert manager.get(host)[0] == 200
        times.append(time.perf_counter() - start)
    return statistics.quantiles(times, n=100)[98]


@contextlib.contextmanager
def _greed(neighbours: attacks.Neighbours):
    """20 busy processes, a busy loop, 50 sleeping requests, 500 sockets, all connections that his role may have, and
    PostgreSQL computing in four of them.
    """
    import socket

    assert neighbours.post("/run", {"expression": FORKS})["value"] == "20"
    model = neighbours.call("ir.model", "search", [["model", "=", "res.partner"]])[0]
    values = {"name": "x", "model_id": model, "state": "code"}
    busy, sleep = (neighbours.call("ir.actions.server", "create", {**values, "code": code}) for code in (BUSY, SLEEP))

    def run(action):
        with contextlib.suppress(Exception):
            neighbours.call("ir.actions.server", "run", action if isinstance(action, list) else [action])

    threads = [threading.Thread(target=run, args=[busy], daemon=True)]
    threads += [threading.Thread(target=run, args=[sleep], daemon=True) for _ in range(50)]
    for thread in threads:
        thread.start()
    sockets, cursors = [], []
    for _number in range(500):
        with contextlib.suppress(OSError):
            sockets.append(socket.create_connection(("127.0.0.1", neighbours.manager.server.port), 2))
    for _number in range(20):
        with contextlib.suppress(Exception):
            cursors.append(neighbours.connect(neighbours.own))
    computing = [threading.Thread(target=_compute, args=[cursor], daemon=True) for cursor in cursors[:4]]
    for thread in computing:
        thread.start()
    time.sleep(3)
    try:
        yield
    finally:
        for one in sockets:
            one.close()
        _suspend_for_a_moment(neighbours)
        for thread in threads + computing:
            thread.join(40)
        for one in cursors:
            one.connection.close()


def _compute(cursor) -> None:
    with contextlib.suppress(psycopg2.Error):
        cursor.execute(COMPUTE)


def _suspend_for_a_moment(neighbours) -> None:
    """What the provider would do: it ends all that the client has begun, also requests that still wait."""
    manager = neighbours.manager
    instance = manager.call("saas.instance", "search", [["database_name", "=", neighbours.own]])
    for action in ("action_suspend", "action_reactivate"):
        manager.call("saas.instance", action, instance)


# === KILL -9 === #


def kill_at_random(
    neighbours: attacks.Neighbours, points: int, dice: random.Random, most: float = BACK_WITHIN, spared: tuple = ()
) -> list[str]:
    """Kill what serves, again and again, while both instances are asked for their pages all the time."""
    manager, broken, took = neighbours.manager, [], {victim: [] for victim in VICTIMS if victim not in spared}
    with _visitors(neighbours, broken):
        for point in range(points):
            victim = dice.choice(list(took))
            time.sleep(dice.uniform(0, 0.5))
            VICTIMS[victim](neighbours)
            took[victim].append(_until_back(neighbours))
            say(f"  {point + 1}: {victim} killed, all back after {took[victim][-1]:.1f} s")
    for victim, times in took.items():
        say(f"  {victim}: killed {len(times)} times, the slowest return {max(times, default=0):.1f} s")
        broken += [f"{victim}: back only after {seconds:.1f} s" for seconds in times if seconds > most]
    for subdomain in neighbours.subdomains:
        if manager.get(f"{subdomain}.localhost")[0] != 200:
            broken.append(f"{subdomain} is lost")
    for number in range(10):  # also what is written next has its place
        neighbours.call("res.partner", "create", {"name": f"after {number}"})
    return broken


def _until_back(neighbours: attacks.Neighbours) -> float:
    """Seconds until manager and both instances answer."""
    start, hosts = time.monotonic(), ["localhost", *(f"{subdomain}.localhost" for subdomain in neighbours.subdomains)]
    while time.monotonic() - start < PATIENCE:
        with contextlib.suppress(OSError, HTTPException):
            if all(neighbours.manager.get(host)[0] == 200 for host in hosts):
                break
        time.sleep(0.05)
    return time.monotonic() - start


def _kill_child(neighbours) -> None:
    if process := process_of(neighbours.own):
        process.kill()


def _kill_parent(neighbours) -> None:
    for process in psutil.Process(neighbours.manager.host.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "lokario_host.parent" in process.cmdline():
                process.kill()


def _kill_supervisor(neighbours) -> None:
    host = neighbours.manager.host
    host.process.kill()
    host.process.wait()
    host.start()


def _kill_server(neighbours) -> None:
    """The manager's Odoo: gate and job worker in one."""
    neighbours.manager.server.kill()
    neighbours.manager.server.start()


def _kill_nginx(neighbours) -> None:
    neighbours.manager.server.front.kill()
    neighbours.manager.server.front.start()


def _kill_postgresql(neighbours) -> None:
    neighbours.manager.environment.cluster.restart_immediately()


VICTIMS = {
    "an instance's process": _kill_child,
    "the instances' parent": _kill_parent,
    "the supervisor": _kill_supervisor,
    "the manager's server": _kill_server,
    "nginx": _kill_nginx,
    "PostgreSQL": _kill_postgresql,
}


@contextlib.contextmanager
def _visitors(neighbours, broken):
    """Ask both instances all the time for what their administrators see; the page names its database, and no other."""
    over = threading.Event()

    def visit(host, cookie, mine, other):
        while not over.is_set():
            with contextlib.suppress(OSError, HTTPException):
                status, text = neighbours.manager.get(host, "/odoo", cookie)
                if status == 200 and (mine not in text or other in text):
                    broken.append(f"{host} was answered by another: {text[:200]}")
            time.sleep(0.05)

    hosts = [f"{subdomain}.localhost" for subdomain in neighbours.subdomains]
    databases = [neighbours.own, neighbours.neighbour]
    visitors = zip(hosts, map(neighbours.log_in, (0, 1)), databases, reversed(databases), strict=True)
    threads = [threading.Thread(target=visit, args=visitor, daemon=True) for visitor in visitors]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(30)
