"""Reservations a second with 8 clients: ours, the same statement in bare psycopg2, and the naive ORM shape.

The naive shape is what Odoo code usually does: read what is left, send, add to the counter by the ORM, with
Odoo's own retries. Shown are its rate, how much it sent beyond the quota, and what it failed to count.
"""

import logging
import multiprocessing
import time

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED

from lokario_testing.results import Result, median

from .engine_environment import engine_environment

CLIENTS = 8
SECONDS = 3.0
ROUNDS = 3
QUOTA = 50_000_000
NAIVE_QUOTA = 200


def run():
    with engine_environment("lokario_bench_quotas") as environment:
        with environment.env() as env:
            tenant = environment.create_tenant(env, "bench", ips=5, quota=QUOTA).id
            small = environment.create_tenant(env, "naive", ips=0, quota=0)
            values = _statement_values(env, tenant)
            naive_ip = _naive_ip(env, small)
        environment.close()
        ours, bare = [], []
        for _round in range(ROUNDS):
            ours.append(_rate(_reserve_by_engine, environment.registry.db_name, tenant))
            bare.append(_rate(_reserve_bare, environment.registry.db_name, values))
        naive_rate, granted, refused = _naive(environment.registry.db_name, naive_ip)
    return [
        Result(
            "reservations, 8 clients: engine.quota / bare psycopg2", median(ours), median(bare), "ratio >= 0.7", "/s"
        ),
        Result("naive ORM shape: grants a second", naive_rate, median(ours), "ours >= 0", "/s"),
        Result(f"naive ORM shape: sent of a quota of {NAIVE_QUOTA}", granted, NAIVE_QUOTA, "ratio >= 0", "mails"),
        Result("naive ORM shape: not counted after Odoo's 5 tries", refused, None, "ours >= 0", "mails"),
    ]


def _rate(work, *arguments):
    """Return how often `work` ran a second in all clients together."""
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(CLIENTS), context.Queue()
    clients = [context.Process(target=_client, args=(work, barrier, results, *arguments)) for _n in range(CLIENTS)]
    for client in clients:
        client.start()
    counts = [results.get() for _client in clients]
    for client in clients:
        client.join()
    return sum(counts) / SECONDS


def _client(work, barrier, results, *arguments):
    steps = work(*arguments)
    next(steps)  # connect and warm up first
    barrier.wait()
    deadline, count = time.monotonic() + SECONDS, 0
    while time.monotonic() < deadline:
        next(steps)
        count += 1
    results.put(count)


def _reserve_by_engine(database, tenant_id):
    from odoo import SUPERUSER_ID, api
    from odoo.modules.registry import Registry

    with Registry(database).cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        tenant = env["engine.tenant"].browse(tenant_id)
        quota = env["engine.quota"]
        while True:
            assert quota._reserve(tenant, 1), "nothing granted"
            yield


def _statement_values(env, tenant_id):
    from odoo import fields

    tenant = env["engine.tenant"].browse(tenant_id)
    return {
        "tenant_id": tenant_id,
        "day": tenant._get_today(),
        "statuses": ("warming", "active"),
        "ip_ids": None,
        "emails": 1,
        "partial": False,
        "purpose": None,
        "uid": 1,
        "now": fields.Datetime.now(),
        "reservation_seconds": 900,
        "has_journal": False,
    }


def _reserve_bare(database, values):
    import uuid

    from odoo.sql_db import connection_info_for

    from odoo.addons.email_engine_bridge.models.engine_quota import RESERVE

    connection = psycopg2.connect(**connection_info_for(database)[1])
    connection.set_isolation_level(ISOLATION_LEVEL_READ_COMMITTED)
    while True:
        with connection, connection.cursor() as cr:
            cr.execute(RESERVE, {**values, "token": uuid.uuid4().hex})
            assert cr.fetchall(), "nothing granted"
        yield


def _naive_ip(env, tenant):
    domain = env["engine.domain"].create({"name": "small.naive.test", "tenant_id": tenant.id, "dkim_key_ids": []})
    ip = env["engine.ip"].create({"address": "198.51.100.1", "hostname": "mail.naive.test", "domain_id": domain.id})
    ip.status = "active"
    day = env["engine.ip.day"].create({"ip_id": ip.id, "day": tenant._get_today(), "quota": NAIVE_QUOTA})
    return day.id


def _naive(database, day_id):
    """Return (grants a second, grants in all, refused calls) of the ORM in 8 clients."""
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    clients = [context.Process(target=_naive_client, args=(database, day_id, results)) for _n in range(CLIENTS)]
    start = time.monotonic()
    for client in clients:
        client.start()
    granted, refused = map(sum, zip(*(results.get() for _client in clients), strict=True))
    for client in clients:
        client.join()
    return granted / (time.monotonic() - start), granted, refused


def _naive_client(database, day_id, results):
    """Ask what is left in one transaction, count what was sent in another, as a sender and its caller do."""
    from odoo import SUPERUSER_ID, api
    from odoo.modules.registry import Registry
    from odoo.service.model import retrying

    logging.getLogger("odoo.sql_db").setLevel(logging.CRITICAL)  # it tells every collision
    granted, refused, registry = 0, 0, Registry(database)
    while True:
        with registry.cursor() as cr:
            if api.Environment(cr, SUPERUSER_ID, {})["engine.ip.day"].browse(day_id).remaining <= 0:
                return results.put((granted, refused))
        granted += 1  # the mail leaves here
        with registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            try:
                retrying(lambda env=env: _count_one(env, day_id), env)
            except psycopg2.Error:  # Odoo gives up after five tries: sent, but never counted
                cr.rollback()
                refused += 1


def _count_one(env, day_id):
    env["engine.ip.day"].browse(day_id).sent += 1
    env.flush_all()
