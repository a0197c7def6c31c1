"""The hourly decision on 10,000 invoices of 3,000 customers, and what one poisoned document costs the others."""

import logging
import time
from unittest.mock import patch

from lokario_testing.environments.loaded import LoadedOdoo, fresh_database
from lokario_testing.results import Result

from .billing_environment import make_ledger

INVOICES, CUSTOMERS = 10_000, 3_000


def run():
    with fresh_database("lokario_bench_dunning", "lokario_billing") as (environment, database):
        odoo = LoadedOdoo(environment, database)
        try:
            return [*_measured(odoo)]
        finally:
            odoo.close()


def _measured(odoo):
    with odoo.env() as env:
        env.company.write(
            {"followup_enabled": True, "followup_days": "all", "followup_holidays": False, "followup_opens": 0}
        )
        env.company.write({"followup_closes": 23.999, "followup_approved_at": "2026-01-01"})
        make_ledger(env, INVOICES, CUSTOMERS)
        env["lokario.followup.run"]._create_missing(env.company)
    first = _run(odoo)
    again = _run(odoo)
    yield Result(f"first decision on {INVOICES} invoices, stored", first["seconds"], None, "ours <= 10")
    yield Result("the same an hour later", again["seconds"], None, "ours <= 5")
    yield Result("queries per document", again["queries"], None, "ours <= 0.05", "queries")
    with odoo.env() as env:
        victim = env["lokario.followup"].search([], order="id", offset=INVOICES // 3, limit=1).id
    with _poisoned(odoo, victim):
        poisoned = _run(odoo)
    yield Result("the same with one poisoned document", poisoned["seconds"], None, "ours <= 10")
    yield Result("documents it keeps back beside itself", first["due"] - poisoned["due"] - 1, None, "ours <= 0", "")


def _run(odoo):
    """Decide as the job does; return seconds, queries per document and how many documents are due."""
    logging.getLogger("odoo.addons.lokario_billing.models.followup_run").setLevel(logging.CRITICAL)
    with odoo.env() as env:
        job = env["lokario.followup.run"]
        followups = env["lokario.followup"].search(job._to_decide(env.company))
        queries, start = env.cr.sql_log_count, time.perf_counter()
        groups = [group for part in job._bisected(followups, lambda each: each._plan_and_store()) for group in part]
        env.cr.commit()
        return {
            "seconds": time.perf_counter() - start,
            "queries": (env.cr.sql_log_count - queries) / len(followups),
            "due": sum(len(group) for group in groups),
        }


def _poisoned(odoo, victim):
    facts = odoo.registry["lokario.followup.facts"]
    document = facts._document

    def poisoned(self, followup, batch):
        if followup.id == victim:
            raise ZeroDivisionError("poison")
        return document(self, followup, batch)

    return patch.object(facts, "_document", poisoned)
