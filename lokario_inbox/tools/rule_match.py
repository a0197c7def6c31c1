"""Rules that file mail: conditions over a mail, all of them or any of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .mail_addresses import addresses, bare_addresses
from .search_terms import fold

_HEADER = r"(?im)^%s:[ \t]*(.*(?:\r?\n[ \t].*)*)"


@dataclass(frozen=True)
class Condition:
    field: str
    operator: str
    value: str = ""
    header: str = ""

    def values(self) -> tuple[str, ...]:
        """Return the wanted texts, folded: one per line or comma, any of them is enough."""
        parts = re.split(r"[\n,;]", self.value or "")
        return tuple(folded for part in parts if (folded := fold(part).strip()))


@dataclass(frozen=True)
class RuleMail:
    """The parts of a mail that rules look at, as stored."""

    sender: str = ""
    recipient: str = ""
    subject: str = ""
    content: str = ""
    headers: str = ""
    attachment: str = ""  # names of the attached files


def matches(conditions: Sequence[Condition], mail: RuleMail, *, match_all: bool) -> bool:
    """Return whether the mail fulfils the conditions; no condition matches nothing."""
    if not conditions:
        return False
    verdicts = (_holds(condition, mail) for condition in conditions)
    return all(verdicts) if match_all else any(verdicts)


def _holds(condition, mail):
    text = fold(_text_of(condition, mail)).strip()
    if condition.operator in ("is_set", "is_not_set"):
        return bool(text) == (condition.operator == "is_set")
    wanted = condition.values()
    if not wanted:
        return False
    if condition.operator == "not_contains":
        return not any(value in text for value in wanted)
    people = addresses(text) if condition.field in ("sender", "recipient") else None
    return any(_compare(condition.operator, text, value, people) for value in wanted)


def _text_of(condition, mail):
    if condition.field != "header":
        return getattr(mail, condition.field)
    found = re.search(_HEADER % re.escape(condition.header.strip()), mail.headers or "")
    return found.group(1) if found and condition.header.strip() else ""


def _compare(operator, text, value, people=None):
    """``people``: the addresses of a field that holds some; what is written in names is none."""
    if operator == "contains":
        return value in text
    if operator == "equals":
        return text == value or value in (people if people is not None else bare_addresses(text))
    if operator == "starts_with":
        return text.startswith(value)
    if operator == "ends_with":
        return text.endswith(value)
    domain = value.rpartition("@")[2]
    domains = re.findall(r"@([\w.-]+)", text if people is None else " ".join(people))
    return any(found == domain or found.endswith("." + domain) for found in domains)
