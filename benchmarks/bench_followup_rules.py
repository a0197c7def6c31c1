"""The follow-up's promises at full length: the dry run of 200 portfolios against the job, outages of 1 to 45 days
through the cron, dead mailboxes with the time-outs of production. The test suite runs a sample of each.
"""

import os

from lokario_cli.figures import Figure, seconds
from lokario_cli.odoo_log import read_outcome
from lokario_cli.paths import STATE
from lokario_cli.setup.postgres import Cluster
from lokario_cli.worlds.odoo import World

PROOFS = {
    "dry run = execution on 200 portfolios": "TestDryRun",
    "outages of 1 to 45 days through the job": "TestTimeTravel",
    "5 black holes and 5 droppers, default time-outs": "TestIsolation",
}


def run() -> list[Figure]:
    os.environ |= {"LOKARIO_FULL": "1", "LOKARIO_PORTFOLIOS": "200"}
    with Cluster.for_tests() as cluster:
        world = World(cluster)
        return [figure for name, tests in PROOFS.items() for figure in _prove(world, name, tests)]


def _prove(world, name, tests):
    database = world.clone(world.template(), "lokario_bench_followup_rules")
    log = STATE / "logs" / "bench-followup-rules.log"
    arguments = ("-i", "lokario_billing", "--test-tags", f"/lokario_billing:{tests}", "--stop-after-init")
    try:
        elapsed = seconds(lambda: world.call_odoo(database, *arguments, log=log))
    finally:
        world.drop(database)
    outcome = read_outcome(log)
    return [
        Figure(f"follow-ups: {name}, broken promises", outcome.failed, None, "ours <= 0", "tests"),
        Figure(f"follow-ups: {name}, proofs", outcome.passed, None, "ours >= 1", "tests"),
        Figure(f"follow-ups: {name}, time", elapsed, None, "ours <= 1200"),
    ]
