"""Proofs that live in an addon's tests, played at full length; the test suite runs a sample of each."""

import re

from lokario_cli.figures import Figure, seconds
from lokario_cli.odoo_log import read_outcome
from lokario_cli.paths import STATE
from lokario_cli.setup.postgres import Cluster
from lokario_cli.worlds.odoo import World

LONGEST = 1200  # seconds for one proof


def prove(label: str, addon: str, proofs: dict[str, str], goals: dict[str, str] | None = None) -> list[Figure]:
    """Run tests of an addon, each proof in a database of its own.

    :param proofs: {what is proved: test class, further ones after a comma as `/addon:Class`}
    :param goals: {figure that the tests log as `figure: <name> = <number>`: its goal}
    """
    with Cluster.for_tests() as cluster:
        world = World(cluster)
        return [
            figure for name, tests in proofs.items() for figure in _prove(world, label, addon, name, tests, goals or {})
        ]


def _prove(world, label, addon, name, tests, goals):
    database = world.clone(world.template(), f"lokario_bench_{addon}")
    log = STATE / "logs" / f"bench-{addon}.log"
    arguments = ("-i", addon, "--test-tags", f"/{addon}:{tests}", "--stop-after-init")
    try:
        elapsed = seconds(lambda: world.call_odoo(database, *arguments, log=log))
    finally:
        world.drop(database)
    outcome = read_outcome(log)
    logged = re.findall(r"figure: (.+?) = ([\d.]+)", log.read_text(errors="replace"))
    return [
        *(Figure(f"{label}: {what}", float(value), None, goals[what], "") for what, value in logged),
        Figure(f"{label}: {name}, broken promises", outcome.failed, None, "ours <= 0", "tests"),
        Figure(f"{label}: {name}, proofs", outcome.passed, None, "ours >= 1", "tests"),
        Figure(f"{label}: {name}, time", elapsed, None, f"ours <= {LONGEST}"),
    ]
