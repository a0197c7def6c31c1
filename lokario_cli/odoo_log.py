"""What an Odoo log says about a test run: how many tests, which failed, which lines were not expected."""

import re
from dataclasses import dataclass, field
from pathlib import Path

RECORD = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ \d+ (?P<level>[A-Z]+) \S+ (?P<logger>\S+): (?P<text>.*)")
RESULT = re.compile(r"odoo\.tests\.result: (\d+) failed, (\d+) error\(s\) of (\d+) tests")
SKIPPED = re.compile(r" INFO \S+ \S+: skipped .*")
STARTING = re.compile(r"Starting (\w+\.\w+)")
REPORTED = re.compile(r"(FAIL|ERROR): ")  # a failing test's own lines are counted as its failure
BAD_LEVELS = {"WARNING", "ERROR", "CRITICAL"}
# What no logger wrote: Python itself reports a dead thread, a broken destructor or the end of a process.
RAW_TROUBLE = re.compile(r"^(Exception (ignored )?in\b|Traceback \(most recent call last\)|Fatal Python error)")

# Lines known to be harmless, each with its reason.
EXPECTED = [
    # The embedded PostgreSQL carries neither extension; Odoo goes on without.
    r"bad query: .*CREATE EXTENSION IF NOT EXISTS (pg_trgm|unaccent)",
    r"(pg_trgm|unaccent)",
    # The workers that read mails and render templates wait for the next one; Odoo's test runner ends them.
    r"A child process was found, terminating it: .*name='python'",
    # The browser was closed while a page still loaded.
    r"Error received after termination",
    # Odoo 19 announces the end of both protocols at each call; our documentation prefers /json/2.
    r"The /(jsonrpc|xmlrpc|xmlrpc/2) endpoint.* deprecated",
    r"The endpoint /(jsonrpc|xmlrpc).*deprecated",
    r"The /xmlrpc, /xmlrpc/2 and /jsonrpc endpoints are deprecated",
    # Root runs the tests in containers.
    r"Running as user 'root' is a security risk",
    # Odoo repeats what lost a race; the code that does not stands in its own tests.
    r"could not serialize access due to",
    # Odoo's own code, seen in the websocket process.
    r"addons/bus/websocket\.py:\d+: DeprecationWarning: Queue\(0\)",
    # Python 3.12 and newer say it once, when they compile a library.
    r"/site-packages/\S+: SyntaxWarning: invalid escape sequence",
    # Odoo asks its maker about companies; tests have no network.
    r"partner-autocomplete\.odoo\.com",
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


def unexpected_lines(text: str, expected: tuple[str, ...] = ()) -> list[str]:
    """WARNING and worse, and tracebacks outside of any, that no reason above and no given pattern explains.

    Each is one line, with the test that was running where the log says so.
    """
    found, test = [], ""
    for entry in entries(text):
        record = RECORD.match(entry)
        if record:
            started = STARTING.search(record["text"])
            test = started[1] if started else test
            bad = record["level"] in BAD_LEVELS and not REPORTED.match(record["text"])
        else:
            bad = bool(RAW_TROUBLE.match(entry))
        if bad and not any(re.search(pattern, entry) for pattern in (EXPECTED_LINE, *expected)):
            line = " | ".join(dict.fromkeys((entry.split("\n")[0], entry.rstrip().split("\n")[-1])))
            found.append(f"[{test}] {line}" if test else line)
    return found


def entries(text: str):
    """The log's records, each with the lines that belong to it; what Python wrote past the loggers is one, too."""
    lines: list[str] = []
    for line in text.splitlines():
        within_traceback = bool(lines) and (RAW_TROUBLE.match(lines[0]) or _level(lines[0]) in BAD_LEVELS)
        if lines and (RECORD.match(line) or (RAW_TROUBLE.match(line) and not within_traceback)):
            yield "\n".join(lines)
            lines = []
        lines.append(line)
    yield "\n".join(lines)


def _level(line: str) -> str:
    record = RECORD.match(line)
    return record["level"] if record else ""
