"""Run tests: plain ones, each addon's inside Odoo, and the system tests with real servers."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lokario_cli.console import Failure, say
from lokario_cli.odoo_log import Outcome, read_outcome
from lokario_cli.paths import ADDONS, ROOT, STATE

HELP = "run all tests, or those of the named addons and paths"
# Root's tests also meet a real Postfix and real judges of DNS and DKIM; other people's skip them, and say so.
NEEDS = {"python", "browser", "mail", "front"} | ({"postfix", "dns"} if os.getuid() == 0 else set())
PARALLEL = 3  # on two cores: much of a test is waiting for what it started
SECONDS = STATE / "test-seconds.json"
SYSTEM = "tests/system"
ODOO_TESTS = ROOT / "lokario_testing" / "odoo_tests.py"
FAILURE_SHOWN = 8000  # characters of what a failing pytest printed
# Files whose tests share what takes a minute to build run in one process, two of about the same length here; so do
# those with Odoo in the process of the tests, and addons of few tests.
TOGETHER = (
    ("test_crawl", "test_erasure", "test_notifications_chaos", "test_rights"),
    ("test_provisioning", "test_provisioning_chaos", "test_provisioning_databases"),
    ("test_provisioning_browser", "test_provisioning_clients", "test_provisioning_front", "test_provisioning_later"),
)
ADDONS_TOGETHER = (
    {
        "lokario_billing_ai",
        "lokario_billing_calendar",
        "lokario_billing_inbox",
        "lokario_billing_project",
        "lokario_billing_sms",
    },
    {"lokario_reminder", "lokario_reminder_account", "lokario_reminder_calendar", "lokario_reminder_project"},
    {"lokario_contact", "lokario_contact_crm", "lokario_contact_project", "report_chromium"},
    {"saas_manager_webhook", "saas_notification", "saas_notification_account", "saas_notification_sms"},
)
# What is installed beside an addon, because some of its tests are about how both work together.
BESIDE = {
    "lokario_inbox": "lokario_account",
    "lokario_billing": "lokario_account",
    "lokario_billing_inbox": "lokario_inbox_ai",
}
# What needs no database of the suite's: it runs while the template is built.
EARLY = ("tests", "test_installation", "test_gate")
LINE_SECONDS = {"addon": 0.06, "system": 0.25}  # of a test's code, for the order of what never ran here
SECONDS_ELSEWHERE = {"test_api_schema": 90, "test_crawl": 180, "test_tenants": 270}  # what they run stands elsewhere


@dataclass(frozen=True)
class Task:
    """What one process runs."""

    name: str
    run: Callable[[], Outcome]
    guess: float = 0
    """Seconds it may take, for the order when this checkout has not run it yet."""


def configure(parser):
    parser.add_argument("targets", nargs="*", help="an addon, a path below tests/, or addon:TestClass[.test_method]")
    parser.add_argument("--jobs", type=int, default=PARALLEL, help=f"how much runs side by side (default {PARALLEL})")


def run(args):
    paths = [target for target in args.targets if target.startswith("tests")]
    addons = [target for target in args.targets if target not in paths]
    unknown = [addon for addon in addons if addon.split(":")[0] not in ADDONS]
    if unknown:
        raise Failure(f"There is no addon or path {', '.join(unknown)}. Addons: {', '.join(ADDONS)}.")
    if not args.targets:
        addons, paths = list(ADDONS), ["tests"]
    return report(run_tasks(addons, paths, args.jobs))


def run_tasks(addons: list[str], paths: list[str], jobs: int) -> Outcome:
    """Everything beside everything else; each has databases and servers of its own."""
    from lokario_cli.setup.postgres import Cluster

    from ..environments.databases import RUN_VARIABLE, Databases

    os.environ[RUN_VARIABLE] = str(os.getpid())
    with Cluster.for_tests() as cluster, ThreadPoolExecutor(jobs) as pool:
        environment = Databases(cluster)
        template = pool.submit(environment.template) if addons else None
        tasks = [addon_task(environment, template, group) for group in addon_groups(addons)]
        tasks += [task for path in paths for task in pytest_tasks(path)]
        try:
            return sum(pool.map(timed, in_order(tasks)), Outcome())
        finally:
            environment.drop_shared()


def in_order(tasks: list[Task]) -> list[Task]:
    """What can run while the template is built, then the others; the longest first."""
    known = json.loads(SECONDS.read_text()) if SECONDS.exists() else {}
    return sorted(tasks, key=lambda task: (task.name not in EARLY, -known.get(task.name, task.guess)))


def timed(task: Task) -> Outcome:
    start = time.monotonic()
    outcome = task.run()
    known = json.loads(SECONDS.read_text()) if SECONDS.exists() else {}
    part = SECONDS.with_suffix(".part")
    part.write_text(json.dumps({**known, task.name: round(time.monotonic() - start, 1)}, indent=1))
    part.replace(SECONDS)
    if not outcome.passed + outcome.failed + outcome.skipped:
        say(f"{task.name}: no test was executed. That is a failure.")
        outcome.failed = 1
    return outcome


def addon_groups(targets: list[str]) -> list[list[str]]:
    """The addons (and addon:TestClass[.method]) that one Odoo tests."""
    groups: dict[object, list[str]] = {}
    for target in targets:
        key = next((number for number, group in enumerate(ADDONS_TOGETHER) if target in group), target)
        groups.setdefault(key, []).append(target)
    return list(groups.values())


def addon_task(environment, template: Future[str], targets: list[str]) -> Task:
    lines = sum(lines_of((ROOT / target.partition(":")[0] / "tests").glob("*.py")) for target in targets)
    run = partial(run_addons, environment, template, targets)
    return Task(" ".join(targets), run, lines * LINE_SECONDS["addon"])


def pytest_tasks(path: str):
    """The system tests below a path one process a file, the plain ones in one."""
    if not (ROOT / path.split(":")[0]).exists():
        raise Failure(f"There is no path {path}.")
    system = sorted((ROOT / SYSTEM).glob("test_*.py")) if path.rstrip("/") in ("tests", SYSTEM) else []
    groups: dict[str, list[Path]] = {}
    for file in system:
        name = next((group[0] for group in TOGETHER if file.stem in group), file.stem)
        groups.setdefault(name, []).append(file)
    for name, files in groups.items():
        arguments = [str(file.relative_to(ROOT)) for file in files]
        guess = SECONDS_ELSEWHERE.get(name, lines_of(files) * LINE_SECONDS["system"])
        yield Task(name, lambda name=name, arguments=arguments: run_pytest(arguments, name), guess)
    if path.rstrip("/") == SYSTEM:
        return
    arguments = [path, *([f"--ignore={SYSTEM}"] if system else [])]
    name = path.replace("/", "-").replace(":", "-")
    yield Task(name, lambda: run_pytest(arguments, name), lines_of((ROOT / "tests").rglob("*.py")) * 0.01)


def lines_of(files) -> int:
    return sum(len(file.read_text().splitlines()) for file in files)


def report(outcome: Outcome) -> int:
    for line in outcome.unexpected:
        say(f"unexpected: {line}")
    say(f"Python {platform.python_version()}")
    say(str(Outcome(outcome.passed, outcome.failed + len(outcome.unexpected), outcome.skipped)))
    return 1 if outcome.failed or outcome.unexpected else 0


def run_addons(environment, template: Future[str], targets: list[str]) -> Outcome:
    """Install the addons on a clone of the template and run their tests (or the named class or method)."""
    import uuid

    source = template.result()
    start = time.monotonic()
    addons = [target.partition(":")[0] for target in targets]
    database = environment.clone(source, f"test_{addons[0]}_{uuid.uuid4().hex[:6]}")
    log = STATE / "logs" / f"test-{targets[0].replace(':', '-')}.log"
    installed = ",".join([*addons, *(BESIDE[addon] for addon in addons if addon in BESIDE)])
    tags = ",".join(f"/{target}" for target in targets)
    try:
        options = ("-i", installed, "--test-tags", tags, "--stop-after-init")
        code = environment.call_odoo(database, *options, log=log, program=ODOO_TESTS)
    finally:
        for copy in (f"{database}_pristine", database):  # the former is lokario_base.tests.committed's
            environment.drop(copy)
    outcome = read_outcome(log, code)
    say(f"{' '.join(targets)}: {outcome} ({time.monotonic() - start:.0f} s, {log})")
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
    """Run pytest and read its counts from the JUnit file; what it prints is shown when something failed."""
    import xml.etree.ElementTree as ElementTree

    from lokario_cli.odoo_process import process_environment

    start = time.monotonic()
    report_file = STATE / "logs" / f"pytest-{name}-{os.getpid()}.xml"
    log = STATE / "logs" / f"pytest-{name}.log"
    report_file.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report_file}", *arguments]
    with log.open("w") as stream:
        code = subprocess.run(
            command, cwd=ROOT, env=process_environment(), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
        ).returncode
    if code == 5:  # nothing collected
        return Outcome()
    outcome = Outcome(failed=1)
    if report_file.exists():
        suite = ElementTree.parse(report_file).getroot().find("testsuite").attrib  # noqa: S314
        report_file.unlink()
        failed, skipped = int(suite["failures"]) + int(suite["errors"]), int(suite["skipped"])
        passed = max(int(suite["tests"]) - failed - skipped, 0)
        outcome = Outcome(passed, max(failed, int(code != 0)), skipped)
    say(f"{' '.join(arguments)}: {outcome} ({time.monotonic() - start:.0f} s, {log})")
    if outcome.failed:
        say(log.read_text(errors="replace")[-FAILURE_SHOWN:])
    return outcome
