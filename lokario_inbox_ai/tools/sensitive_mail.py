"""What only a person answers: found by words, whatever a model says of it. Linear in a text that is cut."""

import re

from odoo.addons.lokario_inbox.tools.quoted_text import fold_text

from .folding import canonical
from .sensitive_words import SENSITIVE

MAX_READ = 20_000  # characters; a longer mail is not answered automatically
MAX_LINES = 200  # of a mail, in which its author's own words are looked for
_PATTERNS = {kind: re.compile(rf"\b(?:{words})\b") for kind, words in SENSITIVE.items()}
_IBAN = re.compile(r"\b[A-Za-z]{2}\d{2}(?:[ .-]?[A-Za-z0-9]{2,4}){3,8}\b")
_CARD = re.compile(r"\b\d{4}(?:[ -]?\d{4}){3}\b")
_SHOUT = re.compile(r"!{3,}|\?{4,}|[?!]{5,}")
LOUD = 0.7  # share of capitals
MIN_LOUD = 25  # letters
KINDS = (*SENSITIVE, "attachment")


def sensitive_kinds(subject: str, text: str, *, has_attachments: bool = False) -> tuple[str, ...]:
    """Return what a mail is about of KINDS, in their order; subject and text are those of the mail alone."""
    read = f"{subject[:500]}\n{text[:MAX_READ]}"
    words = canonical(read)
    found = {kind for kind, pattern in _PATTERNS.items() if pattern.search(words)}
    if _IBAN.search(read) or _CARD.search(read):
        found.add("payment")
    if _is_loud(read):
        found.add("anger")
    if has_attachments:
        found.add("attachment")
    return tuple(kind for kind in KINDS if kind in found)


def own_words(text: str) -> str:
    """Return what the author of a mail wrote, without what it quotes."""
    return fold_text("\n".join(text[: 2 * MAX_READ].splitlines()[:MAX_LINES])).visible


def _is_loud(text):
    letters = [char for char in text if char.isalpha()]
    capitals = sum(char.isupper() for char in letters)
    return bool(_SHOUT.search(text)) or (len(letters) >= MIN_LOUD and capitals >= LOUD * len(letters))


def is_about(words: str, text: str) -> bool:
    """Whether a text holds one of a list of words (separated by commas or lines), each as the beginning of a word."""
    listed = [canonical(word) for word in re.split(r"[,;\n]", words or "")]
    known = "|".join(re.escape(word) for word in listed if word)
    return bool(known and re.search(rf"\b(?:{known})", canonical(text[:MAX_READ])))
