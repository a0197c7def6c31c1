"""Lines to mailboxes: memory of a watcher with two thousand (over TLS), and how soon a mail is in the open browser.

No peer: stock Odoo looks every five minutes.
"""

import asyncio
import contextlib
import os
import random
import select
import signal
import ssl
import subprocess
import time
from pathlib import Path

from lokario_cli.console import Failure
from lokario_cli.odoo_process import MailWatcher, Server
from lokario_testing.environments.bus import Bus
from lokario_testing.environments.client import OdooClient
from lokario_testing.environments.imap_idle import UIDVALIDITY, IdleMailbox, IdleServer
from lokario_testing.results import Result, p95

from .inbox_environment import inbox_environment, make_mails

LINES = 2_000
SESSIONS = 500
DELIVERIES = 200
PATIENCE = 300  # seconds
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
KNOWN_INBOX = """
    UPDATE inbox_integrations SET state = 'connected', next_sync_at = now() + interval '1 day';
    INSERT INTO inbox_folder (integration_id, name, path, special_use, sync_enabled, is_selectable, sequence,
                              uidvalidity, uidnext, message_count)
    SELECT id, 'INBOX', 'INBOX', 'inbox', true, true, 1, %s, 1, 0 FROM inbox_integrations;
"""


def run():
    told_at_once = int(INOTIFY.read_text())
    if told_at_once < 1.1 * SESSIONS:
        raise Failure(
            f"Dovecot looks every 30 s where the kernel tells it nothing, here from the {told_at_once}th session on:"
            f" sysctl fs.inotify.max_user_instances={2 * SESSIONS}"
        )
    with inbox_environment(driver="maildir", name="lokario_bench_idle") as environment:
        return [*memory(environment), *latency(environment)]


@contextlib.contextmanager
def serving(environment, cron_threads, **variables):
    """The server of this database."""
    names = {"db_name": environment.database, "lokario/manager_db": environment.database}
    options = environment.environment.options(max_cron_threads=cron_threads, **names)
    with Server(environment.database, options, variables) as server:
        yield server


# === FIGURE 1: MEMORY === #


def memory(environment):
    with LoopbackServer(environment.mail.folder) as provider:
        environment.allow(provider.port)
        with environment.env() as env:
            for number in range(LINES):
                environment.add_box(env, f"line{number}@mail.test", port=provider.port, imap_security="ssl")
            env.flush_all()
            env.cr.execute(KNOWN_INBOX, [str(UIDVALIDITY)])
        with serving(environment, 0, SSL_CERT_FILE=str(provider.certificate)) as server:
            begin = time.perf_counter()
            with MailWatcher(server) as watcher:
                provider.wait_for(LINES)
                opened = time.perf_counter() - begin
                used = _resident(watcher.process.pid)
        with environment.env() as env:
            env["inbox.integration"].search([]).unlink()
    yield Result(f"memory of a watcher with {LINES} lines over TLS", used / 1e6, None, "ours <= 400", "MB")
    yield Result(f"until all {LINES} lines are open, start of the process included", opened, None, "ours <= 120")


def _resident(pid):
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return 1024 * int(status["VmRSS"].split()[0])


class LoopbackServer:
    """A provider over TLS whose mailboxes are only listened to, in a process of its own."""

    def __init__(self, folder):
        self.certificate, self._key = folder / "idle.pem", folder / "idle.key"

    def __enter__(self):
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(self._key), "-out", str(self.certificate)]
        subprocess.run(made, check=True, capture_output=True)
        self._told, told = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            try:
                asyncio.run(self._serve(told))
            finally:
                os._exit(1)
        os.close(told)
        self.port = int(self._line())
        return self

    def __exit__(self, *_exc):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._told)

    def wait_for(self, count):
        """Wait until so many lines listen."""
        while int(self._line()) < count:
            pass

    def _line(self):
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([self._told], [], [], PATIENCE)[0]:
                raise TimeoutError("The watcher opens no further line.")
            line += os.read(self._told, 1)
        return line

    async def _serve(self, told):
        boxes = {}
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self._key)
        server = await asyncio.get_running_loop().create_server(
            lambda: IdleServer(lambda login: boxes.setdefault(login, IdleMailbox())),
            *("127.0.0.1", 0),
            ssl=context,
            backlog=4096,
        )
        os.write(told, b"%d\n" % server.sockets[0].getsockname()[1])
        said = 0
        while True:
            await asyncio.sleep(0.1)
            listening = sum(bool(line.idle_tag) for box in boxes.values() for line in box.lines)
            if listening != said:
                os.write(told, b"%d\n" % listening)
                said = listening


# === FIGURE 2: FROM DELIVERY TO THE BROWSER === #


def latency(environment):
    addresses = [f"user{number}@mail.test" for number in range(SESSIONS)]
    mails = make_mails(DELIVERIES + 2, seed=9)
    environment.allow(environment.mail.imap_port)
    with environment.env() as env:
        boxes = {environment.add_box(env, address).id: address for address in addresses}
        env.cr.commit()
        env["inbox.integration"]._cron_sync_all()
        env["inbox.integration"].search([]).next_sync_at = "2099-01-01"
        env.ref("lokario_inbox.ir_cron_sync_rung").active = True
    with serving(environment, 2) as server:
        client = OdooClient(server.url)
        client.login(environment.database, "admin", "admin")
        with Bus(client) as bus, MailWatcher(server):
            _await_lines(environment)
            taken = [_seconds_to_browser(environment, bus, boxes, mail) for mail in mails][2:]
    yield Result(
        f"from delivery to the browser's message, p95 of {DELIVERIES}, {SESSIONS} IDLE sessions on Dovecot",
        p95(taken),
        None,
        "ours <= 3",
    )
    yield Result("from delivery to the browser's message, longest", max(taken), None, "ours <= 10")


def _await_lines(environment):
    """Dovecot says who is logged in."""
    deadline = time.monotonic() + PATIENCE
    while environment.mail.doveadm("who", "-1").count("imap") < SESSIONS:
        if time.monotonic() > deadline:
            raise TimeoutError(environment.mail.doveadm("who", "-1"))
        time.sleep(1)


def _seconds_to_browser(environment, bus, boxes, raw):
    box_id = random.choice(list(boxes))
    begin = time.perf_counter()
    environment.mail.deliver(boxes[box_id], raw)
    while True:
        told = bus.next("lokario_inbox/changed")
        if told["integration_id"] == box_id and told["new_mail"]:
            return time.perf_counter() - begin
