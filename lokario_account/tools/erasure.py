"""What was erased, as numbers and seals; headers of mails without one person's addresses."""

import hashlib
from email.utils import formataddr

from odoo.tools import email_normalize
from odoo.tools.mail import email_split_tuples


def chain(previous: str, step: str, erased: dict[str, list[int]]) -> str:
    """Return the SHA-256 that seals a step's list of erased rows onto those before it."""
    rows = ";".join(f"{model}:{','.join(map(str, sorted(ids)))}" for model, ids in sorted(erased.items()))
    return hashlib.sha256(f"{previous}|{step}|{rows}".encode()).hexdigest()


def added(before: dict[str, int] | None, more: dict[str, int]) -> dict[str, int]:
    """Return the counts of both, zeros left out."""
    total = dict(before or {})
    for model, count in more.items():
        total[model] = total.get(model, 0) + count
    return {model: count for model, count in total.items() if count}


def names_address(text: str | None, addresses: set[str]) -> bool:
    """Whether a header such as To names one of these (normalized) addresses; joann@x.fr is not ann@x.fr."""
    return any(email_normalize(address) in addresses for _name, address in email_split_tuples(text or ""))


def addresses_without(text: str | None, addresses: set[str]) -> str:
    """Return a header such as To without these (normalized) addresses; the text as it is when it names none."""
    if not names_address(text, addresses):
        return text or ""
    kept = [pair for pair in email_split_tuples(text) if email_normalize(pair[1]) not in addresses]
    return ", ".join(map(formataddr, kept))
