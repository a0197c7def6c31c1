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

import psutil

from lokario_cli.console import say
from lokario_cli.paths import ROOT
from lokario_cli.setup.postgres import Cluster
from lokario_testing.environments.databases import Databases
from lokario_testing.environments.processes import process_of
from lokario_testing.environments.provisioning import TEMPLATE_MODULES, ProvisioningEnvironment

from . import tenant_attacks as attacks

POINTS = 100  # kills
BACK_WITHIN = 5.0  # seconds, once PostgreSQL accepts connections
PATIENCE = 60  # seconds until it counts as lost
ASKED = 60  # requests for each figure of the greedy client
SLOWER = 2.0  # times the neighbour's own p99 without the greedy client
PASSWORD = re.compile(r"(?:Password|Mot de passe)\s*(\S{20})\b")
BUSY = "end = time.time() + 20\nwhile time.time() < end:\n    n = 1\n"
SLEEP = "env.cr.execute('SELECT pg_sleep(20)')"
FORKS = "len([subprocess.Popen(['timeout', '30', 'sh', '-c', 'while :; do :; done']) for _ in range(20)])"


def run(points: int, seed: int) -> list[str]:
    with Cluster.for_tests() as cluster, tenants(Databases(cluster)) as manager:
        neighbours = make_neighbours(manager)
        broken = attack(neighbours)
        broken += take_everything(neighbours)
        return broken + kill_at_random(neighbours, points, random.Random(seed))


@contextlib.contextmanager
def tenants(environment):
    """A manager whose template has, besides Odoo's modules, the printer and the walker of the attack suite."""
    addons = f"{ROOT},{ROOT / 'benchmarks' / 'addons'}"
    modules = f"{TEMPLATE_MODULES}, base_automation, base_import_module, report_chromium, tenant_walker"
    with ProvisioningEnvironment(environment, modules=modules, addons_path=addons) as manager:
        manager.build_template()
        yield manager


def make_neighbours(manager) -> attacks.Neighbours:
    manager.forget_mails()
    subdomains = [f"c{uuid.uuid4().hex[:10]}" for _ in range(2)]
    for subdomain in subdomains:
        state, problem = manager.read("saas.instance", manager.provision(subdomain), "state", "error_message")
        assert state == "active", problem
    passwords = {re.search(r"(\w+)@client\.test", mail)[1]: _password(mail) for mail in manager.wait_for_mails(2)}
    return attacks.Neighbours(manager, subdomains, [passwords[subdomain] for subdomain in subdomains])


def _password(raw: str) -> str:
    import email.policy

    body = email.message_from_string(raw, policy=email.policy.default).get_body(("plain",)).get_content()
    return PASSWORD.search(body.replace("*", "")).group(1)


# === ATTACKS === #


def attack(neighbours: attacks.Neighbours) -> list[str]:
    """Try everything once; prints what answered."""
    tries = [(neighbours.sql, statement) for statement in attacks.SQL]
    tries += [(neighbours.action, name) for name in attacks.ACTIONS]
    tries += [(neighbours.page, content) for content in attacks.PAGES]
    tries += [(neighbours.sight, sight) for sight in attacks.promised_sights()]
    tries += [(neighbours.mischief, name) for name in attacks.MISCHIEF]
    broken = []
    for attempt, what in tries:
        failed, answer = attempt(what)
        say(f"  {'held  ' if failed else 'BROKEN'} {what[:70]!r}: {answer[:90]}")
        broken += [] if failed else [f"{what}: {answer}"]
    failed, answer = neighbours.walk()
    say(f"  {'held  ' if failed else 'BROKEN'} everything reachable from env: {answer}")
    say(f"  {len(tries) + 1} attacks")
    return broken + ([] if failed else [f"walker: {answer}"])


# === A GREEDY CLIENT === #


def take_everything(neighbours: attacks.Neighbours) -> list[str]:
    """Processor, connections, sockets, sleeping requests of one client; what his neighbour and the manager notice."""
    manager, other = neighbours.manager, f"{neighbours.subdomains[1]}.localhost"
    hosts = {"the neighbour": other, "the manager": "localhost"}
    before = {who: _p99(manager, host) for who, host in hosts.items()}
    with _greed(neighbours):
        during = {who: _p99(manager, host) for who, host in hosts.items()}
    broken = []
    for who in hosts:
        ratio = during[who] / before[who]
        say(f"  {who}: p99 {before[who] * 1000:.0f} ms alone, {during[who] * 1000:.0f} ms beside a greedy client")
        broken += [f"{who} is {ratio:.1f} times slower"] if ratio >= SLOWER else []
    return broken


def _p99(manager, host: str) -> float:
    manager.get(host)
    times = []
    for _turn in range(ASKED):
        start = time.perf_counter()
        assert manager.get(host)[0] == 200
        times.append(time.perf_counter() - start)
    return statistics.quantiles(times, n=100)[98]


@contextlib.contextmanager
def _greed(neighbours: attacks.Neighbours):
    """20 busy processes, a busy loop, 50 sleeping requests, 500 sockets, all connections that his role may have."""
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
    time.sleep(3)
    try:
        yield
    finally:
        for one in sockets:
            one.close()
        for one in cursors:
            one.connection.close()
        for thread in threads:
            thread.join(40)


# === KILL -9 === #


def kill_at_random(neighbours: attacks.Neighbours, points: int, dice: random.Random) -> list[str]:
    """Kill what serves, again and again, while both instances are asked for their pages all the time."""
    manager, broken = neighbours.manager, []
    with _visitors(neighbours, broken):
        for point in range(points):
            victim = dice.choice(list(VICTIMS))
            time.sleep(dice.uniform(0, 0.5))
            VICTIMS[victim](neighbours)
            took = _until_back(neighbours)
            say(f"  {point + 1}: {victim} killed, all back after {took:.1f} s")
            if took > BACK_WITHIN:
                broken.append(f"{victim}: back only after {took:.1f} s")
    for subdomain in neighbours.subdomains:
        if manager.get(f"{subdomain}.localhost")[0] != 200:
            broken.append(f"{subdomain} is lost")
    return broken


def _until_back(neighbours: attacks.Neighbours) -> float:
    """Seconds until manager and both instances answer."""
    start, hosts = time.monotonic(), ["localhost", *(f"{subdomain}.localhost" for subdomain in neighbours.subdomains)]
    while time.monotonic() - start < PATIENCE:
        with contextlib.suppress(OSError):
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
    """The manager's Odoo: front and job worker in one."""
    neighbours.manager.server.kill()
    neighbours.manager.server.start()


def _kill_postgresql(neighbours) -> None:
    neighbours.manager.environment.cluster.restart_immediately()


VICTIMS = {
    "an instance's process": _kill_child,
    "the instances' parent": _kill_parent,
    "the supervisor": _kill_supervisor,
    "the manager's server": _kill_server,
    "PostgreSQL": _kill_postgresql,
}


@contextlib.contextmanager
def _visitors(neighbours, broken):
    """Ask both instances who they are, all the time; an answer of the wrong one is a broken promise."""
    over = threading.Event()

    def visit(subdomain, other):
        while not over.is_set():
            with contextlib.suppress(OSError):
                status, text = neighbours.manager.get(f"{subdomain}.localhost", "/web/login")
                if status == 200 and other in text:
                    broken.append(f"{subdomain} was answered by {other}")
            time.sleep(0.05)

    first, second = neighbours.subdomains
    threads = [threading.Thread(target=visit, args=pair, daemon=True) for pair in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(30)
