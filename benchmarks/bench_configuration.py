"""PowerMTA's configuration for 500 IPs of 50 tenants, printed and linted from the database."""

import time

from lokario_testing.results import ROUNDS, Result, median

from .engine_environment import engine_environment

TENANTS, IPS_EACH = 50, 10
GOAL = 300  # milliseconds


def run():
    with engine_environment("lokario_bench_configuration") as environment:
        with environment.env() as env:
            server_id, tenant_ids = _prepare(env)
        timings, queries = [], 0
        for _round in range(ROUNDS + 1):
            with environment.env() as env:
                server, tenants = (
                    env["engine.powermta.server"].browse(server_id),
                    env["engine.tenant"].browse(tenant_ids),
                )
                count, start = env.cr.sql_log_count, time.perf_counter()
                text = server._render_config(tenants)
                timings.append(1000 * (time.perf_counter() - start))
                queries = env.cr.sql_log_count - count
        assert text.count("<virtual-mta ") == TENANTS * IPS_EACH
    return [
        Result("configuration of 500 IPs", median(timings[1:]), None, f"ours <= {GOAL}", "ms"),
        Result("its queries", queries, None, "ours <= 20", "queries"),
    ]


def _prepare(env):
    """Create the tenants with one key each, shared by its IPs."""
    server = env["engine.powermta.server"].create({"name": "Big"})
    tenants = env["engine.tenant"].create(
        [
            {"name": f"T{n}", "slug": f"t{n}", "from_name": "T", "from_email": f"a@t{n}.test", "server_id": server.id}
            for n in range(TENANTS)
        ]
    )
    domains = env["engine.domain"]
    rows = [
        {"name": f"m{n}.t{tenant.id}.test", "tenant_id": tenant.id, "dkim_key_ids": []}
        for tenant in tenants
        for n in range(IPS_EACH)
    ]
    domains = domains.create(rows)
    env["engine.dkim.key"].create(
        [{"domain_id": domain.id, "state": "active"} for domain in domains if domain.name.startswith("m0.")]
    )
    env["engine.ip"].create(
        [
            {
                "address": f"10.{n // 250}.{n % 250}.1",
                "hostname": domain.name,
                "domain_id": domain.id,
                "status": "warming",
            }
            for n, domain in enumerate(domains)
        ]
    )
    return server.id, tenants.ids
