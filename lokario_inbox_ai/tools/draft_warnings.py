# ruff: noqa: E501  patterns
"""What a person should check before a draft of a model is sent: warnings by simple means, nothing is certain.

A draft without a warning may still be wrong, one with several may be right. Nothing is decided by them.
"""

import re
import unicodedata
from dataclasses import dataclass
from itertools import islice

from .folding import canonical, hidden_characters, mixed_scripts, plain
from .language import detect_language, foreign_sentences
from .warning_words import DAYS, INJECTION, NUMBERS, TLDS, WORDS

MAX_TEXT = 10_000  # characters of a draft that are looked at
MAX_SOURCE = 100_000  # characters of the company's data
MAX_FOUND = 50  # links that are compared
MAX_HEAD, MAX_MAIL = 1000, 20_000  # characters of the customer's mail
_PATTERNS = {kind: re.compile(rf"\b(?:{words})\b") for kind, words in WORDS.items()}
_DAYS = re.compile(rf"\b{DAYS}\b")
_INJECTION = re.compile(rf"\b(?:{INJECTION})\b")
_NUMBER_WORDS = re.compile(rf"\b{NUMBERS}\b(?: (?:et |and |und |y |e )?{NUMBERS}\b){{0,20}}")
_DIGITS = re.compile(r"\d+")
_MIXED_TOKEN = re.compile(r"\b(?=[A-Za-z]{0,12}\d)(?=\d{0,12}[A-Za-z])[A-Za-z0-9]{4,40}\b")
_MONEY = re.compile(
    r"(?:[€$£¥₿]|\b(?:chf|eur|euros?|usd|gbp|dollars?|pounds?|francs?|balles|livres|btc|eth|usdt|cents?|centimes?)\b|%|\bpour ?cent\b)",
    re.IGNORECASE,
)
_LINK = re.compile(
    r"[a-z]{2,12} ?: ?/|\bwww\b|\w[.。．｡․‧・]\w{2,}|\w [.。．｡․] ?\w|[\[({<](?:\.|dot|point|at|@)[\])}>]|。|0x[0-9a-f]{4,}",
    re.IGNORECASE,
)
_WORDED_LINK = re.compile(
    rf"\b(?:point|dot|punto|punkt|ponto) {TLDS}\b|\b(?:slash|tiret|underscore|arobase?s?|arroba|chiocciola|at sign|a commercial|klammeraffe)\b|\bhxxps?\b"
)
_EMAIL = re.compile(r"@|\(at\)|\[at\]", re.IGNORECASE)
_SHAPE = re.compile(
    r"^[^\S\n]*[>=+|]|\{\{|\$\{|\{%|<[a-z!/]|\]\(|```|<\||&#|^[^\S\n]*(?:to|cc|bcc|from|subject|system|assistant|user)\s?:|[█▀▄■▓▒░]|(?:[.\-·–]{1,6}[ /]+){5}",
    re.IGNORECASE | re.MULTILINE,
)
_PERSON = re.compile(
    r"\b(?:M\.|Mr\.?|Mme|Mrs\.?|Ms\.?|Mlle|Monsieur|Madame|Herr|Frau|Señora?|Sig\.|Docteur|Dr\.?)\s+([A-ZÀ-Ý][\w'’-]{1,30})"
)
_OPAQUE = re.compile(r"[A-Za-z0-9+/_=-]{24,}")


@dataclass(frozen=True)
class Sources:
    """ours: the company's settings, records of this customer, what left by our outbox; theirs: the mail itself."""

    ours: str = ""
    theirs: str = ""
    language: str = ""  # of the mail


def draft_warnings(text: str, sources: Sources) -> list[tuple[str, str]]:
    """Return (code, what was found) pairs for the text of a draft, each code once."""
    text = text[:MAX_TEXT]
    ours = plain(sources.ours[:MAX_SOURCE])
    theirs = plain(sources.theirs[:MAX_MAIL])
    checks = (
        _values(plain(text), ours, theirs),
        _links(plain(text), ours),
        _words(canonical(text), canonical(ours)),
        _language(text, sources.language),
        _shape(text, ours + theirs),
    )
    found: dict[str, str] = {}
    for code, detail in (item for check in checks for item in check):
        found.setdefault(code, detail[:80])
    return list(found.items())


def mail_warnings(head: str, visible: str, stored: str) -> list[tuple[str, str]]:
    """Return the same for the mail that came in: text that its author hid, and words meant for a machine.

    head: author and subject; visible: the text that a person sees; stored: all of it, as a model gets it.
    """
    found = []
    if hidden := hidden_text(visible, stored):
        found.append(("hidden_text", hidden[:80]))
    if match := _INJECTION.search(canonical(f"{head[:MAX_HEAD]}\n{stored[:MAX_MAIL]}")):
        found.append(("injection", match[0][:80]))
    return found


def hidden_text(visible: str, stored: str) -> str:
    """Return the words of a stored mail that a reader of it does not see, "" for none."""
    seen = set(canonical(visible[:MAX_MAIL]).split())
    if not seen or len(stored) > MAX_MAIL:
        return ""
    return " ".join(dict.fromkeys(word for word in canonical(stored).split() if word not in seen))


def _values(text, ours, theirs):
    """Numbers that stand nowhere in the company's data."""
    known = set(_DIGITS.findall(ours))
    unknown = [number for number in _DIGITS.findall(text) if number not in known]
    if unknown:
        yield ("repeated", " ".join(unknown)) if _all_in(unknown, theirs) else ("number", " ".join(unknown))
    if sum(map(len, unknown)) >= 7:
        yield "contact", " ".join(unknown)
    if tokens := [token for token in _MIXED_TOKEN.findall(text) if token.casefold() not in ours.casefold()]:
        yield "number", " ".join(tokens)
    if match := _NUMBER_WORDS.search(canonical(text)):
        yield "number", match[0]
    if match := _MONEY.search(text):
        yield "amount", text[max(0, match.start() - 12) : match.end() + 12].strip()


def _all_in(numbers, text):
    return set(numbers) <= set(_DIGITS.findall(text))


def _links(text, ours):
    known = ours.casefold()
    for code, pattern in (("email", _EMAIL), ("link", _LINK)):
        found = (_token_at(text, match.start()) for match in islice(pattern.finditer(text), MAX_FOUND))
        yield from islice(((code, token) for token in found if token.casefold() not in known), 1)
    if match := _WORDED_LINK.search(canonical(text)):
        yield "link", match[0]


def _token_at(text, position):
    begin = max(text.rfind(" ", 0, position), text.rfind("\n", 0, position)) + 1
    return text[begin : position + 40].split()[0].strip(".,;:!?()<>«»\"'") or text[position]


def _words(words, ours):
    for code, pattern in _PATTERNS.items():
        if match := pattern.search(words):
            yield code, match[0]
    known = set(ours.split())
    yield from (("promise", day) for day in _DAYS.findall(words) if day not in known)


def _language(text, expected):
    language = detect_language(text)
    if expected and language != expected:
        yield "language", language or "?"
    elif found := foreign_sentences(text, expected or language):
        yield "language", found[0]


def _shape(text, sources):
    if name := hidden_characters(text):
        yield "characters", name
    if words := mixed_scripts(unicodedata.normalize("NFKC", text)):
        yield "characters", words[0]
    if re.search(r"\w[\u200d\ufe0f]|\u200d\w", text):  # they join emoji, nothing else
        yield "characters", "…"
    if re.search(r"[\u0300-\u036f]{2}", unicodedata.normalize("NFC", text)) or re.search(r"(?:\b\w ){6}", text):
        yield "characters", "…"
    if match := _SHAPE.search(text):
        yield "shape", match[0].strip() or "…"
    if len(canonical(text)) < 15:
        yield "shape", text[:20]
    if match := _OPAQUE.search(text):
        yield "machine", match[0]
    known = canonical(sources)
    if names := [name for name in _PERSON.findall(text) if canonical(name) not in known]:
        yield "person", names[0]


def is_plain_name(name: str) -> bool:
    """Whether a name says no more than a name does: no promise, order or account."""
    words = canonical(name)
    return not any(_PATTERNS[code].search(words) for code in ("promise", "payment", "request", "channel", "machine"))
