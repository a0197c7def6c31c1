"""Odoo's own tests with the suite; those that fail run again without it."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lokario_cli.odoo_process import free_port, process_environment, write_configuration
from lokario_cli.paths import ROOT, STATE

RUNNER = Path(__file__).with_name("runner.py")
MODULES = ("contacts", "crm", "test_mail", "test_mail_full")  # to be installed beside what the suite depends on
# Odoo's tests that pass through what the suite extends: name of a group → `--test-tags`.
GROUPS = {
    "mail": "/mail,/mail_bot,/base:TestIrMailServer,/base:TestIrMailServerSMTPD,/base:TestIrCron",
    "test_mail": "/test_mail",
    "portal": "/portal,/auth_signup",
    "marketing": "/test_mail_full,/mass_mailing,/test_mass_mailing",
    "sale": "/sale",
    "sending": "/account:TestAccountMoveSend,/account:TestAccountComposerPerformance,"
    "/account:TestAccountIncomingSupplierInvoice,/account:TestAccountPayment,/account:TestAccountMoveOutInvoiceOnchanges",
    "planning": "/calendar,/project",
}
# A minute of them, for the suite's own tests: servers, composer, users and portal, the sending of invoices.
SAMPLE = (
    "/mail:TestIrMailServer,/mail:TestMailComposerRendering,/mail:TestUser,/portal:TestPortalWizard,"
    "/account:TestAccountComposerPerformance"
)
SECTION = "## Tests of Odoo that must differ"  # of docs/architecture.md
SERVER_WIDE = "base,rpc,web,queue_job"


@dataclass(frozen=True)
class Comparison:
    """What a group of tests said: names of tests."""

    compared: int
    """Tests that passed or failed with the suite; browser tours are skipped."""

    artefacts: list[str]
    """Fail without the suite, too: this machine's libraries, or modules that Odoo does not test together."""

    expected: list[str]
    """Fail only with the suite, for a reason in docs/architecture.md."""

    broken: list[str]
    """Fail only with the suite, without a reason."""


def compare(environment, without: str, suite: str, tags: str) -> Comparison:
    """Run the tests on a clone of the suite's database, and the classes of those that fail on one of the other's.

    :param without: database without the suite
    :param suite: a database with it and otherwise the same
    :param tags: Odoo's `--test-tags`
    """
    ours = results(environment, suite, tags, f"{SERVER_WIDE},lokario_gate")
    failed = sorted(name for name, outcome in ours.items() if outcome == "failed")
    core = results(environment, without, tags_of(failed), SERVER_WIDE) if failed else {}
    reasons = expected_differences()
    different = [name for name in failed if core.get(name) == "passed"]
    return Comparison(
        sum(outcome != "skipped" for outcome in ours.values()),
        [name for name in failed if core.get(name) != "passed"],
        [name for name in different if name in reasons],
        [name for name in different if name not in reasons],
    )


def tags_of(names: list[str]) -> str:
    """Return Odoo's `--test-tags` of the classes in which these tests stand."""
    return ",".join(sorted({f"/{name.partition('.')[0]}:{name.split('.')[-2]}" for name in names}))


def results(environment, source: str, tags: str, server_wide: str) -> dict[str, str]:
    """Outcome (passed, failed or skipped) of each test, on a clone of the database."""
    name = f"{source}_{os.getpid()}"
    database = environment.clone(source, name)
    found = STATE / "logs" / f"{name}.results"
    found.parent.mkdir(parents=True, exist_ok=True)
    found.write_text("")
    options = environment.options(server_wide_modules=server_wide, **{"lokario/manager_db": name})
    conf = write_configuration(STATE / "conf" / f"{name}.conf", options)
    arguments = ["-c", conf, "-d", database, "--test-tags", tags, "--stop-after-init", "-p", free_port()]
    try:
        with (STATE / "logs" / f"{name}.log").open("a") as log:
            subprocess.run(
                [sys.executable, RUNNER, *map(str, arguments), "--gevent-port", str(free_port())],
                env={**process_environment(), "LOKARIO_RESULTS": str(found)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,  # Odoo exits with 1 as soon as a test fails
            )
        return read_results(found)
    finally:
        environment.drop(database)


def read_results(path: Path) -> dict[str, str]:
    """One failed sub-test makes its test a failed one."""
    outcomes: dict[str, str] = {}
    for line in path.read_text().splitlines():
        name, outcome = json.loads(line)
        if outcomes.get(name) != "failed":
            outcomes[name] = outcome
    return outcomes


def expected_differences() -> set[str]:
    """Tests that docs/architecture.md lists with a reason: `* `name`: why`."""
    section = (ROOT / "docs" / "architecture.md").read_text().partition(SECTION)[2].partition("\n## ")[0]
    return set(re.findall(r"^\* `([\w.]+)`", section, re.M))
