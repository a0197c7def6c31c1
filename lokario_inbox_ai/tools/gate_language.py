"""Language of a short text and numbers written in words, for the languages of our customers."""

import re

from .gate_text import canonical
from .gate_words import LANGUAGE_WORDS, NUMBER_WORDS

_PROFILES = {language: frozenset(words.split()) for language, words in LANGUAGE_WORDS.items()}
_JOINERS = frozenset(("et", "and", "und", "y", "e"))


def detect_language(text: str) -> str:
    """Return the language code of a text ("fr", "en", "de", "es", "it", "pt", "nl"), "" when it is none of them."""
    words = canonical(text).split()
    letters = [char for char in text if char.isalpha()]
    if not words or sum(ord(char) < 0x250 for char in letters) < 0.95 * len(letters):
        return ""
    scores = {language: sum(word in profile for word in words) for language, profile in _PROFILES.items()}
    best = max(scores, key=scores.get)
    return best if scores[best] >= max(2, 0.12 * len(words)) else ""


def is_number_word(word: str) -> bool:
    return word in NUMBER_WORDS


def number_word_runs(text: str, shortest: int = 4) -> list[str]:
    """Return the runs of at least `shortest` number words ("zero six douze trente")."""
    runs, run = [], []
    for word in [*re.findall(r"[^\W_]+", canonical(text)), "."]:
        if word in NUMBER_WORDS or (run and word in _JOINERS):
            run.append(word)
            continue
        if sum(item in NUMBER_WORDS for item in run) >= shortest:
            runs.append(" ".join(run))
        run = []
    return runs
