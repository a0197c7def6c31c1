"""Automatic answers at full length: 300 attack mails to an obeying model through the whole pipeline, 30 virtual days
among robots, lists and vacation responders. The test suite runs a sample of both.
"""

import os

from lokario_cli.figures import Figure, seconds
from lokario_cli.odoo_log import read_outcome
from lokario_cli.paths import STATE
from lokario_cli.setup.postgres import Cluster
from lokario_cli.worlds.odoo import World

PROOFS = {
    "300 attacks, 200 harmless mails": "TestReplyGate,/lokario_inbox:TestHostileModel",
    "30 virtual days": "TestLoopSimulator",
}


def run() -> list[Figure]:
    os.environ["LOKARIO_FULL_CORPUS"] = "1"
    figures = []
    with Cluster.for_tests() as cluster:
        world = World(cluster)
        for name, tests in PROOFS.items():
            figures += _prove(world, name, tests)
    return figures


def _prove(world, name, tests):
    database = world.clone(world.template(), "lokario_bench_autoreply")
    log = STATE / "logs" / "bench-autoreply.log"
    arguments = ("-i", "lokario_inbox", "--test-tags", f"/lokario_inbox:{tests}", "--stop-after-init")
    try:
        elapsed = seconds(lambda: world.call_odoo(database, *arguments, log=log))
    finally:
        world.drop(database)
    outcome = read_outcome(log)
    return [
        Figure(f"autoreply: {name}, broken promises", outcome.failed, None, "ours <= 0", "tests"),
        Figure(f"autoreply: {name}, proofs", outcome.passed, None, "ours >= 1", "tests"),
        Figure(f"autoreply: {name}, time", elapsed, None, "ours <= 1200"),
    ]
