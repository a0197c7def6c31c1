# ruff: noqa: E501  tables of words
"""Where passages to approve come from: questions that most companies are asked, what people write again and again."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from .composition import BODY, CLOSING, GREETING
from .folding import canonical

USUAL = Path(__file__).parent.parent / "data" / "usual_questions.json"
MIN_LENGTH, MAX_LENGTH = 25, 1500  # characters of an answer
MIN_CUSTOMERS = 3  # who got the same passage
MAX_PROPOSALS = 50
_GREETING = re.compile(
    r"bonjour|bonsoir|madame|monsieur|chers?|cheres?|hello|hi|dear|good (?:morning|afternoon)|hallo|guten|sehr geehrte|hola|buenos|estimad|ciao|buongiorno|gentile|ola|beste|goedendag|geachte|dzien dobry|hej|merhaba"
)
_CLOSING = re.compile(
    r".{0,40}\b(?:cordialement|salutations|bien a vous|bonne (?:journee|soiree)|(?:kind|best|warm) regards|regards|sincerely|grusse?n?|saludos|saluti|cumprimentos|groeten|pozdrawiam|halsningar|saygilar\w*)\b"
)


def usual_questions() -> list[dict]:
    """Return [{code, sequence, words, names: {language: {name, description}}, texts: {language: [{kind, name, text}]}}]."""
    return json.loads(USUAL.read_text())


def kind_of(text: str) -> str:
    """Return the kind a passage seems to be of."""
    words = canonical(text)
    if len(text) <= 120 and _CLOSING.match(words):
        return CLOSING
    return GREETING if len(text) <= 80 and _GREETING.match(words) else BODY


def recurring(mails: Iterable[tuple[str, str]]) -> list[str]:
    """Return the passages that several customers got, the commonest first; mails: (recipient, text) pairs."""
    customers: dict[str, set[str]] = {}
    texts: dict[str, str] = {}
    for recipient, text in mails:
        for passage in _passages(text):
            key = canonical(passage)
            texts.setdefault(key, passage)
            customers.setdefault(key, set()).add(recipient.strip().lower())
    common = [key for key, people in customers.items() if key and len(people) >= MIN_CUSTOMERS]
    return [texts[key] for key in sorted(common, key=lambda key: -len(customers[key]))[:MAX_PROPOSALS]]


def _passages(text):
    """Yield the greeting, what stands between, and the closing with what follows it, of a mail."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    end = next((number for number, line in enumerate(lines) if kind_of(line) == CLOSING), len(lines))
    yield from (line for line in lines[:end] if kind_of(line) == GREETING)
    yield "\n".join(lines[end:])
    answer = "\n".join(line for line in lines[:end] if kind_of(line) == BODY)
    if MIN_LENGTH <= len(answer) <= MAX_LENGTH:
        yield answer
