"""Feeding an MTA: ours with personalised messages, Postfix's smtp-source (C) and Odoo's own mail queue, in turn.

Beside smtp-source, which keeps no journal, ours is the sender as the jobs use it: rendering, building, feeding.
Odoo's queue commits each mail's state: ours beside it is shown alone, and as whole jobs with their journal.
"""

import contextlib
import multiprocessing
import os
import re
import shutil
import socket
import subprocess
import time
from datetime import date
from pathlib import Path

from lokario_cli.console import Failure
from lokario_cli.odoo_process import free_port
from lokario_cli.paths import STATE
from lokario_cli.setup.apt import PrivateApt, find_command, unpack
from lokario_testing.results import Result, median

from .engine_environment import engine_environment

MESSAGES = 4000
ODOO_MESSAGES = 200
ROUNDS = 5
CAMPAIGN = 40_000  # mails, sent by the campaign's own jobs
WORKERS = 2
WINDOW = 250
PARAGRAPHS = "".join(f"<p>Bonjour {{{{ first_name }}}}, ligne {n} : {'lorem ipsum ' * 12}</p>\n" for n in range(12))


def run():
    programs = _programs()
    with engine_environment("lokario_bench_feed") as environment, _sink(programs["smtp-sink"]) as port:
        send, size = _prepare_ours(port)
        timings = []
        for _round in range(ROUNDS):
            timings.append(
                (_rate(MESSAGES, send), _rate(MESSAGES, lambda: _smtp_source(programs["smtp-source"], port, size)))
            )
        odoo = _odoo_queue(environment, port)
        jobs = _campaign_jobs(environment, port)
    ours, source = (median(list(column)) for column in zip(*timings, strict=True))
    return [
        Result("feed, beside smtp-source", ours, source, "ratio >= 0.5", "mails/s"),
        Result("feed, beside Odoo's mail queue", ours, odoo, "ratio >= 100", "mails/s"),
        Result(f"campaign of {CAMPAIGN}, journal and {WORKERS} workers", jobs, odoo, "ratio >= 100", "mails/s"),
    ]


def _rate(count, action):
    start = time.perf_counter()
    action()
    return count / (time.perf_counter() - start)


def _programs():
    """Postfix's test programs: the machine's own, or those of its Debian package, unpacked in the state folder."""
    names = ("smtp-source", "smtp-sink")
    folder = STATE / "postfix"
    found = {name: find_command(name) or shutil.which(name, path=str(folder / "usr/sbin")) for name in names}
    if not all(found.values()):
        apt = PrivateApt(STATE / "apt", _suite())
        apt.update()
        for deb in apt.download(["postfix"]):
            unpack(deb, folder)
        found = {name: str(folder / "usr/sbin" / name) for name in names}
    return found


def _suite():
    release = Path("/etc/os-release").read_text()
    found = re.search(r"^VERSION_CODENAME=(\w+)", release, re.MULTILINE)
    if not found:
        raise Failure("smtp-source is missing: install the package postfix.")
    return found[1]


def _library_path(program):
    libraries = Path(program).parents[1] / "lib" / "postfix"
    return {"LD_LIBRARY_PATH": str(libraries)} if libraries.exists() else {}


@contextlib.contextmanager
def _sink(program):
    port = free_port()
    command = [program, "-u", "nobody", f"127.0.0.1:{port}", "1000"]
    sink = subprocess.Popen(command, env=_library_path(program), stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port
    finally:
        sink.kill()
        sink.wait()


def _wait_for(port):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise Failure("smtp-sink does not start.")


def _smtp_source(program, port, size):
    """`size` bytes a message, as many as ours have, over as many connections."""
    from odoo.addons.email_engine_bridge.tools.smtp_feeder import CONNECTIONS

    command = [program, "-d", "-s", str(CONNECTIONS), "-m", str(MESSAGES), "-l", str(size), f"127.0.0.1:{port}"]
    subprocess.run(command, env=_library_path(program), check=True, capture_output=True)


def _prepare_ours(port):
    """(the sender of a campaign chunk, as the jobs use it, for MESSAGES recipients; bytes of a message)."""
    from odoo.addons.email_engine_bridge.tools.campaign_content import prepare
    from odoo.addons.email_engine_bridge.tools.campaign_message import CampaignHeaders, MessageBuilder
    from odoo.addons.email_engine_bridge.tools.campaign_sender import Addressee, Addresses, CampaignSender
    from odoo.addons.email_engine_bridge.tools.smtp_feeder import SmtpFeeder

    headers = CampaignHeaders("t1-ip1", "t1-c2-k3", "Alpha", "news@a.test", "", "c2:t1:campaign:a", "t1.a.test")
    content = prepare(["Bonjour {{ first_name }}"], PARAGRAPHS, "", track_opens=False, track_clicks=False)
    addresses = Addresses("https://a.test", "bounce.a.test", b"k" * 32)
    people = [Addressee(n, f"p{n}@x.test", f"N{n}", "Dupont", {"city": "Lyon"}, 0) for n in range(1, MESSAGES + 1)]
    feeder = SmtpFeeder("127.0.0.1", port)
    sender = CampaignSender(content, MessageBuilder(headers, "=_b"), addresses, {}, date.today(), feeder=feeder)

    def send():
        for start in range(0, MESSAGES, WINDOW):
            deliveries = sender.send(people[start : start + WINDOW])
            assert all(one.outcome == "accepted" for one in deliveries), deliveries[:3]

    send()
    [sample] = sender.build(people[:1])
    return send, len(sample.data)


def _odoo_queue(environment, port):
    """Odoo's own queue as its cron works it off."""
    with environment.env() as env:
        env["ir.mail_server"].search([]).unlink()
        env["ir.mail_server"].create({"name": "sink", "smtp_host": "127.0.0.1", "smtp_port": port})
        values = {"email_from": "a@a.test", "subject": "s", "body_html": PARAGRAPHS}
        env["mail.mail"].search([]).unlink()
        env["mail.mail"].create([{**values, "email_to": f"p{n}@x.test"} for n in range(ODOO_MESSAGES)])
    with environment.env() as env:
        rate = _rate(ODOO_MESSAGES, env["mail.mail"].process_email_queue)
    with environment.env() as env:
        assert not env["mail.mail"].search_count([("state", "!=", "sent")])
        return rate


def _campaign_jobs(environment, port):
    """A campaign's chunks as the job runner's workers send them: every window's intent and record are committed."""
    with environment.env() as env:
        tenant = environment.create_tenant(
            env, "feed", ips=1, quota=CAMPAIGN, delivery_host="127.0.0.1", delivery_port=port
        )
        rows = "email,first_name,last_name\n" + "".join(f"p{n}@x.test,N{n},Dupont\n" for n in range(CAMPAIGN))
        env["engine.contact.ingest"]._ingest(tenant, rows.encode(), "text/csv", lists=["All"])
        template = {"name": "T", "tenant_id": tenant.id, "subject": "Bonjour {{ first_name }}", "html": PARAGRAPHS}
        values = {"name": "Feed", "tenant_id": tenant.id, "template_id": env["engine.template"].create(template).id}
        campaign = env["engine.campaign"].create({**values, "list_ids": env["engine.contact.list"].search([]).ids})
        campaign._send()
        campaign_id, chunk_ids = campaign.id, campaign.chunk_ids.ids
    with environment.env() as env:
        env["engine.campaign"].browse(campaign_id)._job_prepare()

    ready = multiprocessing.Barrier(WORKERS + 1)
    pids = [environment.fork(_work, environment, chunk_ids[number::WORKERS], ready) for number in range(WORKERS)]
    ready.wait()

    def work():
        for pid in pids:
            os.waitpid(pid, 0)

    rate = _rate(CAMPAIGN, work)
    with environment.env() as env:
        assert env["engine.campaign"].browse(campaign_id).sent_count == CAMPAIGN
    return rate


def _work(environment, chunk_ids, ready):
    """A worker of a running server: its templates' child process is there already."""
    from odoo.addons.email_engine_bridge.tools.template_renderer import TemplateRenderer

    TemplateRenderer().render("{{ warm }}", {})
    ready.wait()
    for chunk_id in chunk_ids:
        with environment.env() as env:
            env["engine.campaign.chunk"].browse(chunk_id)._job_send()
