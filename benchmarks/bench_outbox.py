"""Six mailboxes behind a quick SMTP server: mails a second that one host sends, beside Odoo's own mail queue.

The server runs in a process of its own. Each mail is written by a person and wakes the sender; the time counts from the
run of the sender to the last mail that is recorded as sent. Two hosts at work at the same time share the mailboxes.
"""

import contextlib
import logging
import os
import signal
import time

from lokario_cli.odoo_process import free_port
from lokario_testing.environments.smtp_sink import SmtpSink
from lokario_testing.results import Result

from .inbox_environment import inbox_environment

BOXES = 6
MAILS = 300
CUSTOMER = "anne@client.example"


def run():
    with (
        inbox_environment(name="lokario_bench_outbox") as environment,
        _quick_server(environment.mail.folder / "journal") as sink,
    ):
        environment.allow(environment.mail.imap_port, sink.port)
        with environment.env() as env:
            boxes = _mailboxes(environment, env, sink.port)
        _measure(_ours, environment, boxes[:1])  # the first run fills caches
        queue, ours = _measure(_ours, environment, boxes)
        core_queue, core = _measure(_core, environment, sink.port)
        hosts = _two_hosts(environment, boxes)
    yield Result(f"outbox: {BOXES} mailboxes, one host", MAILS / ours, MAILS / core, "ours >= 60", "mails/s")
    per_mail = [1000 * seconds / MAILS for seconds in (queue + ours, core_queue + core)]
    yield Result("outbox: a mail written, queued and sent", *per_mail, "ours <= 60", "ms")
    yield Result("outbox: mailboxes, two hosts", MAILS / hosts, None, "ours >= 60", "mails/s")


@contextlib.contextmanager
def _quick_server(journal):
    sink = SmtpSink(journal, port=free_port())
    pid = os.fork()
    if not pid:
        with sink:
            signal.pause()
        os._exit(0)
    try:
        yield sink
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _mailboxes(environment, env, port):
    logging.getLogger("odoo.addons.mail").setLevel(logging.ERROR)
    env.company.inbox_undo_seconds = 0
    values = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none"}
    return [environment.add_box(env, f"box{number}@alpha.example", **values).id for number in range(BOXES)]


def _measure(step, environment, target):
    """Return (seconds to queue, seconds to send), both in this process."""
    start = time.perf_counter()
    with environment.env() as env:
        send = step(env, target)
    queued = time.perf_counter()
    with environment.env() as env:
        send(env)
    return queued - start, time.perf_counter() - queued


def _ours(env, boxes):
    """Mails as people write them; all are sent at the end."""
    ids = _write(env, boxes)

    def send(env):
        env["mailbox.dispatcher"]._run()
        states = set(env["inbox.outgoing"].browse(ids).mapped("state"))
        assert states == {"sent"}, states

    return send


def _write(env, boxes):
    mails = env["inbox.outgoing"].create(
        [
            {
                "integration_id": boxes[number % len(boxes)],
                "email_to": CUSTOMER,
                "subject": f"Devis {number}",
                "body_html": "<p>Bonjour, voici votre devis.</p>",
            }
            for number in range(MAILS)
        ]
    )
    mails.action_send()
    return mails.ids


def _core(env, port):
    """Odoo's own queue with as many mails, through one ordinary server."""
    env["ir.mail_server"].create(
        {"name": "quick", "smtp_host": "127.0.0.1", "smtp_port": port, "smtp_encryption": "none"}
    )
    values = {"email_from": "box@alpha.example", "email_to": CUSTOMER, "body_html": "<p>Bonjour</p>"}
    ids = env["mail.mail"].create([{**values, "subject": f"Devis {number}"} for number in range(MAILS)]).ids

    def send(env):
        env["mail.mail"].browse(ids).send(auto_commit=True)

    return send


def _two_hosts(environment, boxes):
    """Return the seconds that two processes take for the same number of mails."""
    with environment.env() as env:
        ids = _write(env, boxes)
    start = time.perf_counter()
    pids = [environment.fork(_host, environment) for _host_number in range(2)]
    for pid in pids:
        os.waitpid(pid, 0)
    with environment.env() as env:
        assert set(env["inbox.outgoing"].browse(ids).mapped("state")) == {"sent"}
    return time.perf_counter() - start


def _host(environment):
    with environment.env() as env:
        env["mailbox.dispatcher"]._run()
