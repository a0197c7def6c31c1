"""What the linter says about a line."""

from dataclasses import dataclass

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True, order=True)
class Finding:
    """One finding: the line (from 1), the rule's code, its severity and a text."""

    line: int
    code: str
    severity: str
    message: str

    def render(self, filename):
        """Return the sentence `pmta test config` would print."""
        return f"{self.severity.capitalize()} in line {self.line} of {filename}: {self.message} [{self.code}]"


def error(line, code, message):
    return Finding(line, code, ERROR, message)


def warning(line, code, message):
    return Finding(line, code, WARNING, message)
