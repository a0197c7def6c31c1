"""Search words of a person, turned into PostgreSQL full text; accents folded for index and query.

The folding is done here because an embedded PostgreSQL may lack ``unaccent``.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date

MAX_INDEXED = 20_000  # characters of a body; what follows is quoted history
_SPECIAL = {"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "’": "'"}
_TOKEN = re.compile(r'(-?)(?:(\w+):)?(?:"([^"]*)"?|(\S+))')
_WORD = re.compile(r"[\w@.+-]+")
_PREFIX_WORD = re.compile(r"[a-z0-9_]+")
_PEOPLE = {"from": "from", "de": "from", "to": "to", "a": "to", "à": "to"}
_SUBJECT = ("subject", "objet", "sujet")
_BEFORE, _AFTER = ("before", "avant"), ("after", "apres", "après", "since", "depuis")
_FLAGS = {"attachment": "attachment", "piece": "attachment", "pj": "attachment", "unread": "unread", "nonlu": "unread"}


class _Folding(dict):
    """Character code -> what it is folded to; each code is worked out once."""

    def __missing__(self, code):
        decomposed = unicodedata.normalize("NFKD", chr(code))
        self[code] = _SPECIAL.get(chr(code)) or "".join(c for c in decomposed if not unicodedata.combining(c))
        return self[code]


_FOLDING = _Folding({0: ""})


def fold(text: str | None) -> str:
    """Return the text in lower case without accents ("Élève" → "eleve")."""
    lowered = (text or "").casefold()
    return lowered.replace("\x00", "") if lowered.isascii() else lowered.translate(_FOLDING)


@dataclass
class Term:
    """A word or a phrase, folded; ``weight`` "A" limits it to the subject."""

    text: str
    phrase: bool = False
    negated: bool = False
    weight: str = ""


@dataclass
class Query:
    terms: list[Term] = field(default_factory=list)
    people: dict[str, list[str]] = field(default_factory=lambda: {"from": [], "to": []})
    before: date | None = None
    after: date | None = None
    flags: set[str] = field(default_factory=set)

    def __bool__(self):
        return bool(self.terms or any(self.people.values()) or self.before or self.after or self.flags)


def parse_query(text: str | None) -> Query:
    """Read what a person typed: words, "phrases", -without, from:, subject:, has:, before:, after:.

    Whatever cannot be understood is searched as words: a search box never refuses.
    """
    query = Query()
    for minus, operator, phrase, word in _TOKEN.findall(text or ""):
        value = fold(phrase or word).strip()
        if value and not _read_operator(query, operator.lower(), value):
            _add_words(query, operator, value, bool(phrase), bool(minus))
    return query


def _read_operator(query, operator, value):
    if operator in _PEOPLE:
        query.people[_PEOPLE[operator]].append(value)
    elif operator in _SUBJECT:
        query.terms.append(Term(value, phrase=" " in value, weight="A"))
    elif operator in _BEFORE + _AFTER:
        return _read_date(query, operator, value)
    elif operator in ("has", "is", "avec", "est"):
        flag = _FLAGS.get(value.rstrip("s"))
        if not flag:
            return False
        query.flags.add(flag)
    else:
        return False
    return True


def _read_date(query, operator, value):
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return False
    if operator in _BEFORE:
        query.before = day
    else:
        query.after = day
    return True


def _add_words(query, operator, value, phrase, negated):
    value = f"{fold(operator)} {value}" if operator else value
    words = _WORD.findall(value)
    if phrase and len(words) > 1:
        query.terms.append(Term(" ".join(words), phrase=True, negated=negated))
    else:
        query.terms += [Term(word, negated=negated) for word in words if word.strip(".-+@_")]


def prefix_lexeme(word: str) -> str:
    """Return the ``to_tsquery`` form of a word that may still be being typed; "" when unsafe."""
    return f"{word}:*" if len(word) >= 2 and _PREFIX_WORD.fullmatch(word) else ""
