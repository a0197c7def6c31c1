"""Run tests: plain ones, each addon's inside Odoo, and the system tests with real servers."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..console import Failure, say
from ..odoo_log import Outcome, read_outcome
from ..paths import ADDONS, ROOT, STATE

HELP = "run all tests, or those of the named addons and paths"
# Root's tests also meet a real Postfix and real judges of DNS and DKIM; other people's skip them, and say so.
NEEDS = {"python", "browser", "mail"} | ({"postfix", "dns"} if os.getuid() == 0 else set())
PARALLEL = 2


def configure(parser):
    parser.add_argument("targets", nargs="*", help="an addon, a path below tests/, or addon:TestClass[.test_method]")


def run(args):
    paths = [target for target in args.targets if target.startswith("tests")]
    addons = [target for target in args.targets if target not in paths]
    unknown = [addon for addon in addons if addon.split(":")[0] not in ADDONS]
    if unknown:
        raise Failure(f"There is no addon or path {', '.join(unknown)}. Addons: {', '.join(ADDONS)}.")
    everything = not args.targets
    outcome = Outcome()
    if everything:
        outcome += run_pytest(["tests", "--ignore=tests/system"], "plain")
    if addons or everything:
        outcome += run_addons(addons or list(ADDONS))
    if paths or everything:
        outcome += run_pytest(paths or ["tests/system"], "system")
    return report(outcome)


def report(outcome: Outcome) -> int:
    for line in outcome.unexpected:
        say(f"unexpected: {line}")
    if not outcome.passed + outcome.failed:
        say("No test was executed: that is a failure.")
        outcome.failed = 1
    say(str(Outcome(outcome.passed, outcome.failed + len(outcome.unexpected), outcome.skipped)))
    return 1 if outcome.failed or outcome.unexpected else 0


def run_addons(targets: list[str]) -> Outcome:
    from ..setup.postgres import Cluster
    from ..worlds.odoo import World

    with Cluster.for_tests() as cluster, ThreadPoolExecutor(PARALLEL) as pool:
        world = World(cluster)
        template = world.template()
        outcomes = pool.map(lambda target: run_addon(world, template, target), targets)
        return sum(outcomes, Outcome())


def run_addon(world, template: str, target: str) -> Outcome:
    """Install the addon on a clone of the template and run its tests (or the named class or method)."""
    import uuid

    addon, _colon, named = target.partition(":")
    start = time.monotonic()
    database = world.clone(template, f"test_{addon}_{uuid.uuid4().hex[:6]}")
    log = STATE / "logs" / f"test-{target.replace(':', '-')}.log"
    tags = f"/{addon}:{named}" if named else f"/{addon}"
    try:
        code = world.call_odoo(database, "-i", addon, "--test-tags", tags, "--stop-after-init", log=log)
    finally:
        world.drop(database)
    outcome = read_outcome(log, code)
    say(f"{target}: {outcome} ({time.monotonic() - start:.0f} s, {log})")
    if outcome.failed:
        say(failures(log))
    return outcome


def failures(log: Path, limit: int = 6000) -> str:
    """The lines of the failing tests, or the end of the log when Odoo did not get that far."""
    lines = log.read_text(errors="replace").splitlines()
    starts = [number for number, line in enumerate(lines) if " ERROR " in line or " CRITICAL " in line]
    shown = [line for start in starts for line in lines[start : start + 40]] or lines[-40:]
    return "\n".join(shown)[:limit]


def run_pytest(arguments: list[str], name: str) -> Outcome:
    """Run pytest and read its counts from the JUnit file."""
    import xml.etree.ElementTree as ElementTree

    from ..worlds.odoo import environment

    existing = [
        argument for argument in arguments if argument.startswith("-") or (ROOT / argument.split(":")[0]).exists()
    ]
    if not existing or existing[0].startswith("-"):
        return Outcome()
    report_file = STATE / "logs" / f"pytest-{name}-{os.getpid()}.xml"
    report_file.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report_file}", *existing]
    code = subprocess.run(command, cwd=ROOT, env=environment()).returncode
    if code == 5:  # nothing collected
        return Outcome()
    if not report_file.exists():
        return Outcome(failed=1)
    suite = ElementTree.parse(report_file).getroot().find("testsuite").attrib  # noqa: S314
    report_file.unlink()
    failed = int(suite["failures"]) + int(suite["errors"])
    skipped = int(suite["skipped"])
    return Outcome(int(suite["tests"]) - failed - skipped, max(failed, int(code != 0)), skipped)
