"""The engine full: 500,000 contacts, 50 IPs, 1,000,000 events. The API, a campaign of 200,000 people, the dashboards.

The API and the dashboards are asked over HTTP, one call after the other. While the campaign is prepared, other people
work on what it reads and writes, its own contacts included; how long one of them waits for its locks is what
PostgreSQL says.
"""

import http.client
import json
import random
import time
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta

import psycopg2

from lokario_cli.console import say
from lokario_cli.odoo_process import Server
from lokario_testing.environments.client import OdooClient
from lokario_testing.results import Result, p95

from .bench_ingest import BOUNCES, COLUMNS, DELIVERED
from .engine_environment import engine_environment

OTHERS, AUDIENCE, IPS, MAILS = 300_000, 200_000, 50, 500_000
QUOTA = 10_000
DOMAINS = ["gmail.com", "outlook.com", "yahoo.fr", "orange.fr", "x.test"]
CALLS, ROUNDS = 200, 12
AGAIN = "the same campaign sent again"  # waits until it is prepared, and gets the same answer
# What others do meanwhile, each in a transaction of its own that waits no longer than a second.
NEIGHBOURS = {
    "contact edited": "UPDATE engine_contact SET first_name = 'Zoé' WHERE id = %(contact)s",
    "address changed": "UPDATE engine_contact SET email = 'z' || email WHERE id = %(contact)s",
    "contact deleted": "DELETE FROM engine_contact WHERE id = %(contact)s",
    "list edited": "UPDATE engine_contact_list SET name = name || '.'",
    "template edited": "UPDATE engine_template SET subject = subject || '.'",
    "quota counted": "UPDATE engine_ip_day SET delivered = delivered + 1 WHERE id = %(day)s",
    AGAIN: "SELECT FROM engine_campaign WHERE id = %(campaign)s FOR NO KEY UPDATE",
}


def run():
    with engine_environment("lokario_bench_volume") as environment, ExitStack() as stack:
        with environment.env() as env:
            tenant = environment.create_tenant(env, "bench", ips=IPS, quota=QUOTA)
            environment.add_people(env, tenant, "Others", OTHERS, DOMAINS)
            people = environment.add_people(env, tenant, "Audience", AUDIENCE, DOMAINS)
            values = {"name": "Volume", "tenant_id": tenant.id}
            template = env["engine.template"].create({**values, "html": "<p>{{ first_name }}</p>"})
            campaign = env["engine.campaign"].create({**values, "template_id": template.id, "list_ids": people.ids})
            key = env["engine.api.key"].create(
                {"name": "Bench", "tenant_ids": tenant.ids, "calls_per_minute": 1_000_000}
            )
            ids, token = (tenant.id, campaign.id), key._issue_token()
        _add_events(environment, ids[0])
        environment.environment.cluster.psql("VACUUM ANALYZE", environment.database)
        options = environment.environment.options(
            db_name=environment.database, **{"lokario/manager_db": environment.database}
        )
        server = stack.enter_context(Server("bench-volume", options))
        results = [*_ask_api(server, ids[0], token), *_prepare(environment, *ids)]
        environment.environment.cluster.psql("VACUUM ANALYZE", environment.database)
        return [*results, *_open_dashboards(environment, server, *ids)]


def _add_events(environment, tenant_id):
    """A receipt and a delivery, or a refusal, of each of half a million mails in the last 20 days."""

    def work(report):
        dice, today = random.Random(8), datetime.now(UTC)
        with environment.env() as env:
            tenant = env["engine.tenant"].browse(tenant_id)
            vmtas = tenant.ip_ids.mapped("vmta_name")
            rows = (row for number in range(MAILS) for row in _rows(number, dice, vmtas, today))
            chunks = ("".join(lines).encode() for lines in _in_batches(rows))
            report["stored"] = env["engine.event.ingest"]._ingest(tenant, chunks)["stored"]

    say(f"  {environment.fork_and_report(work)['stored']} events stored")


def _rows(number, dice, vmtas, today):
    moment = f"{today - timedelta(minutes=number % 28_800):%Y-%m-%d %H:%M:%S}+0000"
    values = {"t": moment, "o": f"b{number}@bounce.test", "r": f"m{number}@{DOMAINS[number % 5]}"}
    vmta = vmtas[number % len(vmtas)]
    rest = f",{vmta},,{DOMAINS[number % 5]}/{vmta},<v{number}@x.test>\n"
    outcome = DELIVERED if dice.random() > 0.06 else BOUNCES[number % 3]
    yield "r,{t},{o},{r},,,,".format(**values) + rest
    yield outcome.format(**values) + rest


def _in_batches(rows, size=20_000):
    lines = [COLUMNS + "\n"]
    for row in rows:
        lines.append(row)
        if len(lines) >= size:
            yield lines
            lines = []
    yield lines


# === API === #


def _ask_api(server, tenant_id, token):
    calls = {
        "quotas": ("GET", f"/api/v2/quotas/{tenant_id}", None),
        "check": ("POST", f"/api/v2/quotas/{tenant_id}/check", {"emails_to_send": 1000}),
        "stats overview": ("GET", f"/api/v2/stats/{tenant_id}/overview", None),
        "stats performance": ("GET", f"/api/v2/stats/{tenant_id}/performance?days=30", None),
    }
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Host": "localhost"}
    for name, (method, path, body) in calls.items():
        timings = []
        for _call in range(CALLS):
            start = time.perf_counter()
            line.request(method, path, json.dumps(body) if body else None, headers)
            answer = line.getresponse()
            text = answer.read()
            timings.append(1000 * (time.perf_counter() - start))
            assert answer.status == 200, text[:300]
        yield Result(f"API {name}, p95 of {CALLS}", p95(timings), None, "ours <= 50", "ms")
    line.close()


# === A CAMPAIGN === #


def _prepare(environment, tenant_id, campaign_id):
    with environment.env() as env:
        contacts = [
            contact_id
            for name in ("Others", "Audience")
            for contact_id in env["engine.contact"]
            .search([("list_ids.name", "=", name)], limit=2000, order="id desc")
            .ids
        ]
        day = env["engine.ip.day"].search([("tenant_id", "=", tenant_id)], limit=1).id
    values = {"contacts": contacts, "day": day, "campaign": campaign_id}
    watch = environment.fork_and_report_later(lambda report: _watch(environment.database, report))
    neighbours = environment.fork_and_report_later(lambda report: _work_beside(environment.database, values, report))
    start = time.perf_counter()
    with environment.env() as env:
        answer = env["engine.campaign"].browse(campaign_id)._send()
    answered = time.perf_counter() - start
    with environment.env() as env:
        env["engine.campaign"].browse(campaign_id)._job_prepare()
    spent = time.perf_counter() - start
    environment.environment.cluster.psql("CREATE TABLE bench_is_over ()", environment.database)
    waits, made = watch(), neighbours()
    say(f"  {answer['sent_today']} of {answer['total_recipients']} today; others made {sum(made.values())} changes;")
    say(f"  longest waits for a lock, ms: {waits}")
    longest = max((waited for name, waited in waits.items() if name != AGAIN), default=0)
    return [
        Result(f"campaign of {AUDIENCE:,} people prepared", spent, None, "ours <= 20"),
        Result("of it until `send` is answered", answered, None, "ours <= 20"),
        Result("longest wait of others for a lock", longest, None, "ours <= 100", "ms"),
        Result("changes of others meanwhile", sum(made.values()), None, "ours >= 50", ""),
    ]


def _connect(database):
    from odoo.sql_db import connection_info_for

    connection = psycopg2.connect(**connection_info_for(database)[1])
    connection.autocommit = True
    return connection


def _is_over(cursor):
    cursor.execute("SELECT to_regclass('bench_is_over') IS NOT NULL")
    return cursor.fetchone()[0]


def _watch(database, report):
    """The longest wait for a lock, by what waited; those who wait name themselves."""
    cursor = _connect(database).cursor()
    while not _is_over(cursor):
        cursor.execute(
            """SELECT a.application_name, 1000 * extract(epoch FROM clock_timestamp() - l.waitstart)::float
                 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND l.waitstart IS NOT NULL"""
        )
        for name, waited in cursor.fetchall():
            report[name] = round(max(report.get(name, 0), waited))
        time.sleep(0.005)


def _work_beside(database, values, report):
    """Do one thing after the other as others would; what waits a second gives up."""
    cursor, dice, made = _connect(database).cursor(), random.Random(3), Counter()
    cursor.execute("SET lock_timeout = '1s'")
    while not _is_over(cursor):
        for name, statement in NEIGHBOURS.items():
            cursor.execute("SET application_name = %s", (name,))
            with suppress(psycopg2.errors.LockNotAvailable):
                cursor.execute(statement, {**values, "contact": dice.choice(values["contacts"])})
                made[name] += 1
        time.sleep(0.01)
    report.update(made)


# === DASHBOARDS === #


def _open_dashboards(environment, server, tenant_id, campaign_id):
    client = OdooClient(server.url)
    client.login(environment.database, "admin", "admin")
    for name, (model, view, domain, groupby) in _screens(tenant_id, campaign_id).items():
        timings = []
        for _round in range(ROUNDS):
            start = time.perf_counter()
            _open(client, model, view, domain, groupby)
            timings.append(1000 * (time.perf_counter() - start))
        yield Result(f"dashboard {name}, p95 of {ROUNDS}", p95(timings), None, "ours <= 500", "ms")


def _screens(tenant_id, campaign_id):
    month = [("day", ">=", "-30d")]
    return {
        "tenants": ("engine.tenant", "list", [], None),
        "tenant": ("engine.tenant", "form", [("id", "=", tenant_id)], None),
        "warm-up board": ("engine.ip", "kanban", [("status", "!=", "retired")], "status"),
        "IP addresses": ("engine.ip", "list", [], None),
        "deliverability": ("engine.deliverability", "list", [], None),
        "outcomes by day": ("engine.outcome", "graph", month, ("day:day", "outcome")),
        "outcomes by provider": ("engine.outcome", "graph", month, ("provider", "outcome")),
        "figures by day": ("engine.stat.day", "pivot", month, ("provider", "ip_id")),
        "campaigns": ("engine.campaign", "list", [], None),
        "campaign": ("engine.campaign", "form", [("id", "=", campaign_id)], None),
        "recipients of the campaign": (
            "engine.campaign.recipient", "graph", [("campaign_id", "=", campaign_id)], ("state",),
        ),
        "events": ("engine.event", "list", [], None),
        "contacts": ("engine.contact", "list", [], None),
    }  # fmt: skip


def _open(client, model, view, domain, groupby):
    """What the web client asks when the screen is opened."""
    if view in ("graph", "pivot"):
        measure = {"engine.outcome": ["emails:sum"], "engine.campaign.recipient": ["__count"]}
        aggregates = measure.get(model, ["delivered:sum", "hard:sum", "block:sum"])
        return client.call(model, "formatted_read_group", domain, list(groupby), aggregates)
    specification = _get_specification(client, model, view)
    if groupby:
        return client.call(
            model, "web_read_group", domain, [groupby], ["__count"], auto_unfold=True,
            unfold_read_specification=specification, unfold_read_default_limit=80,
        )  # fmt: skip
    return client.call(model, "web_search_read", domain, specification, limit=80, count_limit=10001)


_specifications = {}


def _get_specification(client, model, view):
    """The fields of the view, x2many ones with their count alone."""
    if (model, view) not in _specifications:
        views = client.call(model, "get_views", [(False, view)], {})["views"]
        from lxml import etree

        names = {node.get("name") for node in etree.fromstring(views[view]["arch"]).iter("field")}
        fields = client.call(model, "fields_get", [], ["type"])
        of_lines = ("one2many", "many2many")
        _specifications[model, view] = {
            name: {"fields": {"display_name": {}}} if fields[name]["type"] == "many2one" else {}
            for name in names
            if name in fields and fields[name]["type"] not in of_lines
        }
    return _specifications[model, view]
