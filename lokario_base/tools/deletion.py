"""What a step of an account's deletion is and what it answers."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class DeletionStep:
    """One named step; the plan's method ``_step_<name>(deletion)`` does the work and returns a `StepOutcome`.

    One that does it ``together`` gets several deletions and returns {deletion: outcome}.
    """

    name: str  # stable and unique: it is what a checkpoint remembers
    sequence: int  # 10 access · 20-39 secrets and synchronised data · 40 files · 50 messages · 60 contacts · 90 user
    label: str
    together: bool = False


@dataclass(frozen=True)
class StepOutcome:
    """What one call of a step did. The step is called again as long as ``remaining`` is true."""

    erased: dict[str, list[int]] = field(default_factory=dict)  # model name -> ids that are gone
    kept: dict[str, int] = field(default_factory=dict)  # model name -> how many stay, anonymised, because the law asks
    remaining: bool = False


HAND_OVER, KEEP, DELETE = "hand_over", "keep", "delete"


@dataclass(frozen=True)
class Belonging:
    """Something a person owns and others need: somebody decides what becomes of it before the account goes.

    The plan's method ``_carry_out_<name>(deletion, belonging, choice, heir)`` carries the decision out.
    """

    name: str
    key: str  # the same each time it is asked for, while the person owns it
    model: str
    ids: tuple[int, ...]
    label: str  # for the person who asks
    choices: tuple[str, ...]  # of HAND_OVER, KEEP and DELETE
    heirs: tuple[int, ...] = ()  # the users who may take it over
    proposal: str = KEEP  # what is done unless something is chosen, empty where a choice is needed
    refusal: str = ""  # what to do first where nothing can be chosen

    @property
    def possible(self) -> tuple[str, ...]:
        return tuple(choice for choice in self.choices if choice != HAND_OVER or self.heirs)

    @property
    def default(self) -> str | None:
        return self.proposal if self.proposal in self.possible else None

    def accepts(self, choice: str | None, heir: int | None) -> bool:
        return choice in self.possible and (choice != HAND_OVER or heir in self.heirs)


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
