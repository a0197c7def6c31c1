"""What an Odoo log says about a test run: how many tests, which failed, which lines nobody expected."""

import re
from dataclasses import dataclass, field
from pathlib import Path

LINE = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ \d+ (?P<level>WARNING|ERROR|CRITICAL) \S+ (?P<logger>\S+): (?P<text>.*)")
RESULT = re.compile(r"odoo\.tests\.result: (\d+) failed, (\d+) error\(s\) of (\d+) tests")
SKIPPED = re.compile(r" INFO \S+ \S+: skipped .*")

# Lines known to be harmless, each with its reason.
EXPECTED = [
    # The embedded PostgreSQL carries neither extension; Odoo goes on without.
    r"bad query: .*CREATE EXTENSION IF NOT EXISTS (pg_trgm|unaccent)",
    r"(pg_trgm|unaccent)",
    # The browser was closed while a page still loaded.
    r"Error received after termination",
    # Odoo 19 announces the end of both protocols at each call; our documentation prefers /json/2.
    r"The /(jsonrpc|xmlrpc|xmlrpc/2) endpoint.* deprecated",
    r"The endpoint /(jsonrpc|xmlrpc).*deprecated",
    # Root runs the tests in containers.
    r"Running as user 'root' is a security risk",
    # The counts are read from this line; see RESULT.
    r"\d+ failed, \d+ error\(s\) of \d+ tests",
]
EXPECTED_LINE = re.compile("|".join(EXPECTED))


@dataclass
class Outcome:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    unexpected: list[str] = field(default_factory=list)

    def __add__(self, other):
        return Outcome(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.unexpected + other.unexpected,
        )

    def __str__(self):
        closing = f"{self.passed} passed, {self.failed} failed"
        return f"{closing}, {self.skipped} skipped" if self.skipped else closing


def read_outcome(log: Path, exit_code: int = 0) -> Outcome:
    """The outcome of an Odoo test run from its log; a run that did not end well counts at least one failure."""
    text = log.read_text(errors="replace")
    outcome = Outcome(unexpected=unexpected_lines(text), skipped=len(SKIPPED.findall(text)))
    for failures, errors, total in RESULT.findall(text):
        outcome.failed += int(failures) + int(errors)
        outcome.passed += int(total) - int(failures) - int(errors)
    outcome.passed = max(outcome.passed - outcome.skipped, 0)
    if exit_code and not outcome.failed:
        outcome.failed = 1
    return outcome


def unexpected_lines(text: str) -> list[str]:
    """WARNING and worse that no reason above explains. A failing test's own lines are counted as its failure."""
    found = []
    for line in text.splitlines():
        match = LINE.match(line)
        if match and not EXPECTED_LINE.search(line) and not re.match(r"(FAIL|ERROR): ", match["text"]):
            found.append(line)
    return found
