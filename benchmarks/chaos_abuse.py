"""Strangers and low rights against every public route and the reading of mail: big, deep, slow, many, malformed.

Promises: no 500; the server's process stays below MEMORY; what others ask for takes at most twice as long at the 99th
percentile (with a floor, because a machine under test has its own hiccups); a mail takes no more than its budget.
"""

import concurrent.futures
import contextlib
import http.client
import random
import socket
import statistics
import threading
import time
import urllib.parse

import psutil

from lokario_cli.console import say

from .chaos_api import served_api

POINTS = 2000
MEMORY = 400 * 1024 * 1024  # bytes
FLOOR = 0.5  # seconds; below it nobody notices
PEERS = 8  # attackers at a time
PATHS = (
    "/api/v2/campaigns", "/api/v2/contacts/ingest", "/api/v2/templates/preview", "/api/v2/webhooks/powermta",
    "/api/v2/webhooks/mailwizz/x", "/api/v2/webhooks/powermta/x/y", "/api/v2/openapi.json", "/api/v2/docs",
    "/api/v2/no", "/contact", "/users/deletion/undo", "/auth/verify", "/auth/verify/resend",
    "/auth/signup", "/auth/reset",
    "/users/process-account-deletions", "/engine/u/x", "/engine/p/x", "/engine/o/x.gif", "/engine/c/x/1",
    "/engine/pmta/x/config", "/engine/pmta/x/keys.tar",
)  # fmt: skip
KINDS = (
    "application/json",
    "application/x-www-form-urlencoded",
    "text/csv",
    "multipart/form-data; boundary=b",
    "x",
    "",
)
BODIES = (
    lambda size: b"[" + b"{}," * (size // 3) + b"{}]",
    lambda size: b"[" * size,
    lambda size: b'{"a":' * (size // 5),
    lambda size: b"a=" + b"x" * size,
    lambda size: b"a&" * (size // 2),
    lambda size: b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" * (size // 48),
    lambda size: b"\x1f\x8b" + bytes(size),
    lambda size: b'{"email": NaN, "x": "\\ud800\\u0000"}' * (size // 36),
    lambda size: b"email" + b"," * size,
)
MAIL_UNITS = ("<div>", "<font color=c{n}><p>", "<style>", "<!--[if", "<a b{n}=1 ", "\n", "<table><tr><td>")


def run(points, seed):
    """The broken promises of `points` attacks on a server of its own, and of mails read in this process."""
    with served_api() as served:
        broken = attack(served, points, seed)
    return broken + read_mails(max(2, points // 100), seed)


def attack(served, points, seed):
    """The broken promises of `points` attacks on what `served_api` yields."""
    server, _engine, _ids, token = served
    dice, process = random.Random(seed), psutil.Process(server.process.pid)
    calm = _ask(server, 60)
    watch = _Watch(process)
    attacks = [_draw(dice, token) for _point in range(points)]
    with watch, concurrent.futures.ThreadPoolExecutor(PEERS) as peers:
        slow = [threading.Thread(target=_drip, args=(server, watch.done), daemon=True) for _peer in range(2)]
        for thread in slow:
            thread.start()
        statuses = [peers.submit(_send, server, *one) for one in attacks]
        others = _ask(server, 60)
    found = [status.result() for status in statuses]
    say(f"  {len(found)} attacks; others' p99 {calm:.2f} s -> {others:.2f} s; memory {watch.most // 2**20} MB")
    broken = [f"{path}: 500" for path, status in found if status >= 500 and status != 503]
    if watch.most > MEMORY:
        broken.append(f"the process grew to {watch.most // 2**20} MB")
    if others > max(2 * calm, FLOOR):
        broken.append(f"others waited {others:.2f} s instead of {calm:.2f} s")
    return broken


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
    """The most memory of a process while it is attacked."""

    def __init__(self, process):
        self.most, self.done = 0, threading.Event()
        self._process, self._thread = process, threading.Thread(target=self._look)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_exc):
        self.done.set()
        self._thread.join()

    def _look(self):
        while not self.done.wait(0.05):
            self.most = max(self.most, self._process.memory_info().rss)


def _draw(dice, token):
    """Return (path, headers, body) of one attack."""
    headers = {"Content-Type": dice.choice(KINDS), "Accept-Language": dice.choice(("fr", ";", "x" * 2000))}
    if dice.random() < 0.3:
        headers["Authorization"] = f"Bearer {dice.choice((token, 'lke_00000000_x', 'é'.encode().decode('latin-1')))}"
    size = dice.choice((0, 10, 5_000, 1_000_000, 10_000_000))
    return dice.choice(PATHS), headers, dice.choice(BODIES)(size)


def _send(server, path, headers, body):
    """Return (path, status); 0 when the server hung up on a body that it does not want."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    try:
        connection.request("POST", urllib.parse.quote(path), body, headers)
        return path, connection.getresponse().status
    except OSError:
        return path, 0
    finally:
        connection.close()


def _drip(server, done):
    with socket.create_connection(("127.0.0.1", server.port)) as connection, contextlib.suppress(OSError):
        connection.sendall(b"POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n")
        while not done.wait(0.5):
            connection.sendall(b"a")


def _ask(server, count):
    """Return the 99th percentile of `count` calls of somebody else, in seconds."""
    times = []
    for _call in range(count):
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        connection.request("GET", "/web/health")
        connection.getresponse().read()
        connection.close()
        times.append(time.monotonic() - started)
    return statistics.quantiles(times, n=100)[98]
