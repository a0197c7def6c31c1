"""An answer of approved passages: which slots they have, what may stand in a slot, and the text that results."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from .folding import hidden_characters, mixed_scripts

GREETING, BODY, CLOSING = "greeting", "body", "closing"
KINDS = (GREETING, BODY, CLOSING)
_SLOT = re.compile(r"\{\{ ?([a-z]{1,20}\.[a-z_]{1,20}) ?\}\}")
MAX_NAME, MAX_NAME_WORDS, MAX_TEXT = 60, 6, 500
_NUMBER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9/_ -]|\.(?![A-Za-z])){0,31}")
_FORMATTED = re.compile(r"[\w ,./\u00a0\u202f'’-]{1,40}")


@dataclass(frozen=True)
class Passage:
    """An approved passage; name: the subject of a mail whose first body it is."""

    id: int
    kind: str
    name: str
    text: str


@dataclass(frozen=True)
class Composed:
    """missing: names of slots without a value; they stay in the text as they are written, for a person to fill in."""

    subject: str
    text: str
    missing: tuple[str, ...] = ()


def slot_names(text: str) -> list[str]:
    """Return the names of the slots of a text, such as "invoice.amount", each once."""
    return list(dict.fromkeys(_SLOT.findall(text)))


def stray_marks(text: str) -> bool:
    """Whether a text has the marks of a slot where none is."""
    return any(mark in _SLOT.sub("", text) for mark in ("{{", "}}"))


def compose(passages: Iterable[Passage], values: Mapping[str, str]) -> Composed:
    """Join passages, greeting first and closing last, their slots filled; a value is inserted once and never read."""
    ordered = sorted(passages, key=lambda passage: KINDS.index(passage.kind))
    names = dict.fromkeys(name for passage in ordered for name in slot_names(passage.text))
    text = "\n\n".join(
        _SLOT.sub(lambda match: values.get(match[1]) or match[0], passage.text.strip()) for passage in ordered
    )
    subject = next((passage.name for passage in ordered if passage.kind == BODY), "")
    return Composed(f"Re: {subject}", text, tuple(name for name in names if not values.get(name)))


def wrong_shape(passages: Iterable[Passage]) -> str:
    """Return what is wrong with a choice of passages ("no_body", "twice", "several"), "" when it is a mail."""
    passages = list(passages)
    count = {kind: sum(passage.kind == kind for passage in passages) for kind in KINDS}
    if len({passage.id for passage in passages}) < len(passages):
        return "twice"
    if not count[BODY]:
        return "no_body"
    return "several" if count[GREETING] > 1 or count[CLOSING] > 1 or count[BODY] > 3 else ""


# === WHAT MAY STAND IN A SLOT: records hold what strangers wrote, their own names for example === #


def safe_name(value: str) -> str:
    """Return a name of a person or company, "" for what could be more: links, numbers, sentences, odd characters."""
    name = unicodedata.normalize("NFC", value or "")
    if (
        not 0 < len(name) <= MAX_NAME
        or len(name.split()) > MAX_NAME_WORDS
        or mixed_scripts("".join(filter(_is_letter, name)))
    ):
        return ""
    if not all(_is_letter(char) or char in " .'’-&" for char in name) or re.search(
        r"\.(?! |$)|[.'’-]{2}| {2}|[ .'’&-]{4}", name
    ):
        return ""
    return name if any(map(_is_letter, name)) and name == name.strip() else ""


def _is_letter(char):
    return unicodedata.category(char) in ("Lu", "Ll", "Lt", "Lo")


def safe_number(value: str) -> str:
    """Return the number of a document, "" for what could be more."""
    return value if _NUMBER.fullmatch(value or "") else ""


def safe_formatted(value: str) -> str:
    """Return an amount or a date that the server formatted, "" for what could be more."""
    rest = "".join(char for char in value or "" if unicodedata.category(char) != "Sc")
    return value if _FORMATTED.fullmatch(rest) else ""


def safe_text(value: str) -> str:
    """Return a text of the company's own settings, "" for what a reader would not see as it is."""
    text = (value or "").strip()
    return text if len(text) <= MAX_TEXT and not hidden_characters(text) and not _SLOT.search(text) else ""


def as_html(text: str) -> Markup:
    """Return a text as HTML in which every character stands for itself: no links are made of it."""
    paragraphs = (Markup("<br/>").join(part.split("\n")) for part in text.split("\n\n"))
    return Markup("").join(Markup("<p>%s</p>") % paragraph for paragraph in paragraphs)
