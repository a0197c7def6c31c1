"""Strangers and low rights against every public route and the reading of mail: big, deep, slow, many, malformed.

Routes are those that Odoo's map has for callers without a login (ours, Odoo's and the OCA's), and what each FastAPI
application describes. Half of the callers are a portal customer. Promises: no 500 (those of Odoo's own routes, for a
part of an address that is no number, are only counted); each process of the server stays below MEMORY; what others ask
for takes at the 99th percentile at most twice as long beside the attackers as beside as many ordinary visitors; a mail
takes no more than its budget.
"""

import contextlib
import http.client
import json
import multiprocessing
import random
import re
import socket
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from lokario_cli.console import say
from lokario_cli.odoo_process import Server
from lokario_cli.paths import SUITE
from lokario_cli.setup import odoo_source
from lokario_testing.environments.client import OdooClient
from lokario_testing.environments.loaded import LoadedOdoo, fresh_database

POINTS = 2000
MEMORY = 400 * 1024 * 1024  # bytes
FLOOR = 0.25  # seconds; below it nobody notices
PEERS = 8  # attackers, or visitors, at a time
ASKED = 300  # calls of others in each measurement
WORKERS = 2
CUSTOMER = "customer@abuse.test"
PARTS = ("1", "x", "0", "-1", "99999999999999999999", "..%2f..%2fetc", "%C3%A9%20", "a" * 3000)
VISITED = ("/web/login", "/web/signup", "/contact", "/my", "/my/invoices", "/my/quotes", "/my/account", "/my/security")
LEFT_OUT = re.compile(r"/websocket$|/web/database/")  # an upgrade that waits; closed to everybody
METHODS = ("DELETE", "GET", "POST", "PUT")
ANY = ("GET", "POST")  # what a route without a list of methods is called with
SHOWN = 5  # of the slowest answers
KINDS = (
    "application/json",
    "application/x-www-form-urlencoded",
    "text/csv",
    "text/xml",
    "multipart/form-data; boundary=b",
    "x",
    "",
)
BODIES = (
    lambda size: b"[" + b"{}," * (size // 3) + b"{}]",
    lambda size: b"[" * size,
    lambda size: b'{"a":' * (size // 5),
    lambda size: b'{"params": {"a": [1, null, "\\ud800"]}, "id": {}}',
    lambda size: b'{"params": ' + b"9" * size + b"}",
    lambda size: b"a=" + b"x" * size,
    lambda size: b"a&" * (size // 2),
    lambda size: b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" * (size // 48),
    lambda size: b"\x1f\x8b" + bytes(size),
    lambda size: b'{"email": NaN, "x": "\\ud800\\u0000"}' * (size // 36),
    lambda size: b"email" + b"," * size,
    lambda size: b"<methodCall><methodName>x</methodName><params>" + b"<value><array><data>" * (size // 20),
    lambda size: b"<!DOCTYPE a [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><methodCall>" + b"&b;" * (size // 3),
)
MAIL_UNITS = ("<div>", "<font color=c{n}><p>", "<style>", "<!--[if", "<a b{n}=1 ", "\n", "<table><tr><td>")


@dataclass(frozen=True)
class Call:
    method: str
    rule: str
    path: str
    headers: dict
    unit: int = 0
    size: int = 0

    @property
    def body(self):
        return BODIES[self.unit](self.size) if self.method != "GET" else b""

    def __str__(self):
        return f"{self.method} {self.path[:100]}"


def run(points, seed):
    """The broken promises of `points` attacks on a server of its own, and of mails read in this process."""
    with fresh_database("chaos_abuse", ",".join(SUITE)) as (environment, database):
        broken = attack(environment, database, points, seed)
    return broken + read_mails(max(2, points // 100), seed)


def attack(environment, database, points, seed):
    """The broken promises of `points` attacks on a server of this database."""
    rules, odoos_own, pages = _prepare(environment, database)
    options = {"db_name": database, "lokario/manager_db": database, "workers": str(WORKERS), "max_cron_threads": "0"}
    with Server("chaos-abuse", environment.options(**options)) as server:
        routes = [*rules, *_described(server, pages)]
        cookie = _log_in(server, database)
        dice = random.Random(seed)
        visits = [Call("GET", page, page, _headers(dice, cookie)) for page in dice.choices(VISITED, k=points // 4)]
        _measure(server, [Call("GET", rule, rule, {}) for method, rule in routes if method == "GET"])  # fill caches
        calm = _measure(server, [])
        beside = _measure(server, visits)
        with _Watch(psutil.Process(server.process.pid)) as watch:
            answers = []
            pressed = _measure(server, list(_drawn(dice, routes, cookie, points)), answers)
        errors = [call for call, status, _seconds in answers if status >= 500 and status != 503]
        broken = sorted({f"{call}: 500" for call in errors if call.rule not in odoos_own})
        broken += [] if server.process.poll() is None else ["the server has ended"]
    counted = sum(call.rule in odoos_own for call in errors)
    say(f"      {len(answers)} attacks on {len(routes)} routes; memory of a process {watch.most // 2**20} MB")
    say(f"      others' p99: {calm:.2f} s alone, {beside:.2f} s beside visitors, {pressed:.2f} s beside attackers")
    for call, status, seconds in sorted(answers, key=lambda answer: -answer[2])[:SHOWN]:
        say(f"      {seconds:.1f} s: {call}: {status}")
    say(f"      {counted} errors of Odoo's own routes")
    if watch.most > MEMORY:
        broken.append(f"a process grew to {watch.most // 2**20} MB")
    if pressed > max(2 * beside, FLOOR):
        broken.append(f"others waited {pressed:.2f} s instead of {beside:.2f} s")
    return broken


def _prepare(environment, database):
    """(method, rule) of each route, Odoo's own rules, and the folders of FastAPI applications; makes the customer."""
    odoo = LoadedOdoo(environment, database, log_level="critical")
    with odoo.env() as env:
        values = {"name": "Customer", "login": CUSTOMER, "password": CUSTOMER}
        groups = {"group_ids": [(6, 0, env.ref("base.group_portal").ids)]}
        env["res.users"].with_context(no_reset_password=True).create({**values, **groups})
        threading.current_thread().dbname = database  # as a request's thread has it
        found = [rule for rule in env["ir.http"].routing_map().iter_rules() if not LEFT_OUT.search(rule.rule)]
        rules = {(method, rule.rule) for rule in found for method in METHODS if method in (rule.methods or ANY)}
        odoos_own = {rule.rule for rule in found if _is_odoos(rule.endpoint.func.__module__)}
        pages = env["fastapi.endpoint"].search([]).mapped("root_path")
    odoo.close()
    return sorted(rules), odoos_own, pages


def _is_odoos(module):
    from odoo.modules import Manifest

    return Path(Manifest.for_addon(module.split(".")[2]).path).is_relative_to(odoo_source.home())


def _described(server, pages):
    for page in pages:
        _status, body = OdooClient(server.url).open(f"{page}/openapi.json")
        for path, item in json.loads(body)["paths"].items():
            yield from ((method.upper(), f"{page}{path}") for method in item if method.upper() in METHODS)


def _log_in(server, database):
    client = OdooClient(server.url)
    client.login(database, CUSTOMER, CUSTOMER)
    return client.cookie


def _headers(dice, cookie):
    """Every other caller is the customer."""
    return {"Cookie": cookie} if dice.random() < 0.5 else {}


def _drawn(dice, routes, cookie, points):
    """Yield calls; each route once before any comes again."""
    for number in range(points):
        if number % len(routes) == 0:
            dice.shuffle(routes)
        method, rule = routes[number % len(routes)]
        path = re.sub(r"<[^>]+>|{[^}]+}", lambda _part: dice.choice(PARTS), rule)
        headers = {"Content-Type": dice.choice(KINDS), "Accept-Language": dice.choice(("fr", ";", "x" * 2000))}
        headers |= _headers(dice, cookie)
        if dice.random() < 0.2:
            headers["Authorization"] = f"Bearer {dice.choice(('lke_00000000_x', 'é'.encode().decode('latin-1')))}"
        size = dice.choice((0, 10, 5_000, 1_000_000, 10_000_000))
        yield Call(method, rule, path, headers, dice.randrange(len(BODIES)), size)


def _measure(server, calls, answers=None):
    """Return others' 99th percentile while PEERS make these calls in a process of their own.

    `answers` gets a (call, status, seconds) of each.
    """
    asking, telling = multiprocessing.Pipe(duplex=False)
    attackers = multiprocessing.get_context("fork").Process(target=_send_all, args=(server.port, calls, telling))
    attackers.start()
    p99 = _ask(server.port, ASKED)
    found = asking.recv()
    attackers.join()
    if answers is not None:
        answers += found
    return p99


def _send_all(port, calls, telling):
    done = threading.Event()
    slow = [threading.Thread(target=_drip, args=(port, done), daemon=True) for _peer in range(2 if calls else 0)]
    for thread in slow:
        thread.start()
    with ThreadPoolExecutor(PEERS) as peers:
        answers = list(peers.map(lambda call: _send(port, call), calls))
    telling.send([(call, *answer) for call, answer in zip(calls, answers, strict=True)])
    done.set()


def read_mails(count, seed):
    """The broken promises of `count` hostile mails."""
    from odoo.addons.lokario_inbox.exceptions import UnreadableMail
    from odoo.addons.lokario_inbox.tools.fenced_child import PROCESSOR
    from odoo.addons.lokario_inbox.tools.fenced_reader import FencedReader

    dice, reader, broken = random.Random(seed), FencedReader(), []
    for _mail in range(count):
        units = "".join(dice.choices(MAIL_UNITS, k=dice.randint(1, 3)))
        size = dice.choice((9_000, 100_000, 2_000_000))
        body = "".join(units.format(n=n) for n in range(size // len(units)))
        started = time.process_time()
        with contextlib.suppress(UnreadableMail):
            reader.parse_mail(f"Content-Type: text/html\r\n\r\n{body}".encode())
        if time.process_time() - started > PROCESSOR:
            broken.append(f"a mail of {size} bytes of {units!r} kept the process busy")
    reader.close()
    return broken


class _Watch:
    """The most memory of one process of a server while it is attacked."""

    def __init__(self, process):
        self.most, self._done = 0, threading.Event()
        self._process, self._thread = process, threading.Thread(target=self._look)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exc):
        self._done.set()
        self._thread.join()

    def _look(self):
        while not self._done.wait(0.05):
            with contextlib.suppress(psutil.NoSuchProcess):
                family = (self._process, *self._process.children(recursive=True))
                self.most = max(self.most, *(process.memory_info().rss for process in family))


def _send(port, call):
    """Return (status, seconds); 0 when the server hung up on a body that it does not want."""
    started, status = time.monotonic(), 0
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    with contextlib.suppress(OSError), contextlib.closing(connection):
        connection.request(call.method, call.path, call.body, call.headers)
        answer = connection.getresponse()
        answer.read()
        status = answer.status
    return status, time.monotonic() - started


def _drip(port, done):
    with socket.create_connection(("127.0.0.1", port)) as connection, contextlib.suppress(OSError):
        connection.sendall(b"POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n")
        while not done.wait(0.5):
            connection.sendall(b"a")


def _ask(port, count):
    """Return the 99th percentile of `count` pages that somebody else opens, in seconds."""
    times = []
    for _call in range(count):
        status, seconds = _send(port, Call("GET", "/web/login", "/web/login", {}))
        times.append(seconds if status == 200 else 120)
        time.sleep(0.02)  # a person reads
    return statistics.quantiles(times, n=100)[98]
