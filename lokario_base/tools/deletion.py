"""What a step of an account's deletion is and what it answers."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class DeletionStep:
    """One named step; the plan's method ``_step_<name>(deletion)`` does the work."""

    name: str  # stable and unique: it is what a checkpoint remembers
    sequence: int  # 10 access · 20-39 secrets and synchronised data · 40 files · 50 messages · 60 contacts · 90 user
    label: str


@dataclass(frozen=True)
class StepOutcome:
    """What one call of a step did. The step is called again as long as ``remaining`` is true."""

    erased: dict[str, list[int]] = field(default_factory=dict)  # model name -> ids that are gone
    kept: dict[str, int] = field(default_factory=dict)  # model name -> how many stay, anonymised, because the law asks
    remaining: bool = False


@dataclass(frozen=True)
class LegalHold:
    """Rows that the law keeps beyond the deletion."""

    model: str
    count: int
    until: str  # ISO date
    reason: str


@dataclass(frozen=True)
class ResidueRule:
    """What becomes of a text that still names the person after all steps; the first rule that fits decides.

    ``clear`` empties the column, ``redact`` replaces the identifiers in it, ``delete`` removes the row, ``hold`` leaves
    it for the reason given, which the certificate states.
    """

    table: str  # a pattern as of fnmatch
    action: str
    column: str = "*"  # a pattern as of fnmatch
    reason: str = ""

    def fits(self, table: str, column: str) -> bool:
        return fnmatchcase(table, self.table) and fnmatchcase(column, self.column)
