"""Accounting and contacts at volume: a million rows, three times and shuffled; a hundred thousand contacts."""

import io
import json
import random
import resource
import time

from lokario_cli.console import say
from lokario_testing.results import Result

from .engine_environment import engine_environment

ROWS = 1_000_000
CONTACTS = 100_000
COLUMNS = "type,timeLogged,orig,rcpt,dsnAction,dsnStatus,dsnDiag,bounceCat,vmta,jobId,queue,header_Message-ID"
DELIVERED = "d,{t},{o},{r},relayed,2.0.0 (success),smtp;250 OK,"
BOUNCES = [
    "b,{t},{o},{r},failed,5.1.1 (bad mailbox),smtp;550 5.1.1 user unknown,bad-mailbox",
    "b,{t},{o},{r},failed,5.7.1,smtp;550 5.7.1 blocked using zen.spamhaus.org,spam-related",
    "t,{t},{o},{r},delayed,4.2.0,smtp;450 4.2.0 try again later,other",
]


def run():
    with engine_environment("lokario_bench_ingest") as environment:
        with environment.env() as env:
            tenant = environment.create_tenant(env, "bench", ips=5, quota=1_000_000)
            tenant_id, vmtas = tenant.id, tenant.ip_ids.mapped("vmta_name")
        environment.fork_and_wait(_warm_up, environment, tenant_id)
        return [*_accounting(environment, tenant_id, vmtas), *_purge(environment), *_contacts(environment, tenant_id)]


def _warm_up(environment, tenant_id):
    with environment.env() as env:
        env["engine.event.ingest"]._ingest(env["engine.tenant"].browse(tenant_id), [COLUMNS.encode()])


def _accounting(environment, tenant_id, vmtas):
    chance = random.Random(8)
    lines = [_line(number, chance, vmtas) for number in range(ROWS)]
    rate, memory, first = _ingest(environment, tenant_id, lines)
    wrong = 0
    for _replay in range(2):
        chance.shuffle(lines)
        _rate, _memory, again = _ingest(environment, tenant_id, lines)
        wrong += again["totals"] != first["totals"] or again["stored"] != 0
    say(f"  {first['stored']} events stored, totals {first['totals']}")
    return [
        Result("accounting rows", rate, None, "ours >= 30000", "rows/s"),
        Result("memory for them", memory, None, "ours <= 300", "MB"),
        Result("replays, shuffled, with other totals", wrong, None, "ours <= 0", "replays"),
    ]


def _line(number, chance, vmtas):
    rcpt = f"p{number}@{chance.choice(('gmail.com', 'outlook.com', 'yahoo.fr', 'x.test'))}"
    moment = f"2026-11-{1 + number % 20:02} {number % 24:02}:{number % 60:02}:{number // 60 % 60:02}+0000"
    values = {"t": moment, "o": f"b{number}@bounce.test", "r": rcpt}
    start = DELIVERED if chance.random() > 0.06 else BOUNCES[number % 3]
    vmta = vmtas[number % len(vmtas)]
    return f"{start.format(**values)},{vmta},,{rcpt.rpartition('@')[2]}/{vmta},<m{number}@x.test>"


def _ingest(environment, tenant_id, lines):
    body = io.BytesIO("\r\n".join((COLUMNS, *lines)).encode())

    def work(report):
        before, start = _memory(), time.perf_counter()
        with environment.env() as env:
            tenant = env["engine.tenant"].browse(tenant_id)
            summary = env["engine.event.ingest"]._ingest(tenant, iter(lambda: body.read(1 << 18), b""))
            report["rate"] = summary["received"] / (time.perf_counter() - start)
            report["memory"] = _memory() - before
            report["stored"] = summary["stored"]
        with environment.env() as env:
            report["totals"] = env["engine.stat.day"]._totals([("tenant_id", "=", tenant_id)])

    report = environment.fork_and_report(work)
    return report["rate"], report["memory"], report


def _purge(environment):
    """A day's events of 500,000 mails go as they came: receipt and delivery of each."""
    seconds, remaining = [], True
    with environment.env() as env:
        env["ir.config_parameter"].set_param("email_engine.event_days", "0")
    while remaining:
        start = time.perf_counter()
        with environment.env() as env:
            _deleted, remaining = env["engine.event"]._gc_events()
        seconds.append(time.perf_counter() - start)
    with environment.env() as env:
        assert not env["engine.event"].search_count([], limit=1)
    return [
        Result("purge of 1,000,000 events", sum(seconds), None, "ours <= 120", "s"),
        Result("longest transaction of it", max(seconds), None, "ours <= 20", "s"),
    ]


def _contacts(environment, tenant_id):
    rows = [
        {"email": f"c{n}@x{n % 7}.test", "first_name": f"N{n}", "last_name": f"L{n}", "city": "Lyon", "lists": ["All"]}
        for n in range(CONTACTS)
    ]
    body = json.dumps({"tenant_id": tenant_id, "contacts": rows}).encode()
    del rows

    def work(report):
        before, start = _memory(), time.perf_counter()
        with environment.env() as env:
            tenant = env["engine.tenant"].browse(tenant_id)
            report["created"] = env["engine.contact.ingest"]._ingest(tenant, body)["created"]
        report["seconds"] = time.perf_counter() - start
        report["memory"] = _memory() - before

    report = environment.fork_and_report(work)
    assert report["created"] == CONTACTS, report
    return [
        Result("100,000 contacts in one call", report["seconds"], None, "ours <= 30", "s"),
        Result("memory for them", report["memory"], None, "ours <= 150", "MB"),
    ]


def _memory():
    """Highest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
