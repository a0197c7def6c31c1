"""Proofs that live in an addon's tests, played at full length; the test suite runs a sample of each."""

import re

from lokario_cli.odoo_log import read_outcome
from lokario_cli.paths import STATE
from lokario_cli.setup.postgres import Cluster
from lokario_testing.environments.databases import Databases
from lokario_testing.results import Result, seconds

LONGEST = 1200  # seconds for one proof


def prove(label: str, addon: str, proofs: dict[str, str], goals: dict[str, str] | None = None) -> list[Result]:
    """Run tests of an addon, each proof in a database of its own.

    :param proofs: {what is proved: test class, further ones after a comma as `/addon:Class`}
    :param goals: {result that the tests log as `result: <name> = <number>`: its goal}
    """
    with Cluster.for_tests() as cluster:
        environment = Databases(cluster)
        return [
            result
            for name, tests in proofs.items()
            for result in _prove(environment, label, addon, name, tests, goals or {})
        ]


def _prove(environment, label, addon, name, tests, goals):
    database = environment.clone(environment.template(), f"lokario_bench_{addon}")
    log = STATE / "logs" / f"bench-{addon}.log"
    arguments = ("-i", addon, "--test-tags", f"/{addon}:{tests}", "--stop-after-init")
    try:
        elapsed = seconds(lambda: environment.call_odoo(database, *arguments, log=log))
    finally:
        environment.drop(database)
    outcome = read_outcome(log)
    logged = re.findall(r"result: (.+?) = ([\d.]+)", log.read_text(errors="replace"))
    return [
        *(Result(f"{label}: {what}", float(value), None, goals[what], "") for what, value in logged),
        Result(f"{label}: {name}, broken promises", outcome.failed, None, "ours <= 0", "tests"),
        Result(f"{label}: {name}, proofs", outcome.passed, None, "ours >= 1", "tests"),
        Result(f"{label}: {name}, time", elapsed, None, f"ours <= {LONGEST}"),
    ]
