"""Who is at fault for a mail that was refused, and for how long? From PowerMTA's record of the answer.

Two separate results: the fault (recipient, our name, our reputation, the message, their server, our configuration) and
whether the answer is final. Only a recipient's own, final fault makes an address dead. Evidence in order:

1. the provider's own codes, the stage (HELO, sender), codes that speak of us (RFC 3463, RFC 7372);
2. words, after echoed addresses, hosts and URLs were cut out: `<p.junker@x.test>: user unknown` is no junk;
3. codes that speak of the recipient, PowerMTA's category, words and code classes that may mean many things.

A later rung is asked when the former ones are silent. An answer to a command before RCPT TO, words of time, a 4xx
code, or PowerMTA's `invalid-sender` keep an address alive whatever else is said. Rules: `bounce_rules.toml`.
"""

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from . import bounce_rules as rules
from .bounce_rules import Cause, Fault

__all__ = ["Cause", "Fault", "Kind", "Phrase", "Verdict", "classify", "provider_of"]


class Kind(StrEnum):
    HARD = "hard"  # the address is dead: suppress the person
    SOFT = "soft"  # full, slow, temporary: nothing, or a later try
    BLOCK = "block"  # spam or policy: charge the IP
    TECHNICAL = "technical"  # our own configuration: the operator's to mend
    IGNORED = "ignored"  # auto-replies, delays: no failure at all


class Verdict(NamedTuple):
    """What became of a mail; `kind` is what the engine does about it."""

    kind: Kind
    reason: str
    fault: Fault = Fault.NONE
    is_final: bool = False


class Phrase(NamedTuple):
    """What a diagnostic that contains ``pattern`` (a regular expression, case ignored) says about a failure."""

    kind: Kind
    reason: str
    pattern: str


_KIND_BY_FAULT = {
    Fault.RECIPIENT: Kind.SOFT,  # HARD when the cause is a dead address and the answer final
    Fault.SENDER: Kind.TECHNICAL,
    Fault.REPUTATION: Kind.BLOCK,
    Fault.CONTENT: Kind.BLOCK,
    Fault.RECEIVER: Kind.SOFT,
    Fault.CONFIGURATION: Kind.TECHNICAL,
    Fault.NONE: Kind.IGNORED,
}
_FAULT_BY_KIND = {
    Kind.HARD: Fault.RECIPIENT,
    Kind.SOFT: Fault.RECEIVER,
    Kind.BLOCK: Fault.REPUTATION,
    Kind.TECHNICAL: Fault.CONFIGURATION,
    Kind.IGNORED: Fault.NONE,
}


def _compiled(pairs):
    """Rules for text in lower case: twice as fast as ignoring case."""
    return [
        (cause, re.compile(_ESCAPE_OR_CAPITAL.sub(lambda found: _lowered(found[0]), text))) for cause, text in pairs
    ]


def _lowered(piece):
    return piece if piece.startswith("\\") else piece.lower()


_ESCAPE_OR_CAPITAL = re.compile(r"\\.|[A-Z]")


_STAGE = _compiled(rules.STAGE)
_PROVIDER_CODES = _compiled(pair for _name, _source, pairs in rules.PROVIDERS for pair in pairs)
_WORDS = _compiled(rules.WORDS)
_WEAK_WORDS = _compiled(rules.WEAK_WORDS)

_LONGEST = 1000  # characters of a diagnostic that are read
_ADDRESS = re.compile(r"<?[^\s<>()\[\]:,;\"']+@[^\s<>()\[\]:,;\"']+>?")
_IP = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\w)")
_URL = re.compile(r"\b(?:https?|ftp)://[^\s<>\"')\]]+|\bwww\.[^\s<>\"')\]]+", re.IGNORECASE)
# Lower case: "exist.Please" is the end of a sentence. The last label is no number: 5.1.1 and 192.0.2.1 stay.
_HOST = re.compile(r"(?<![\w.@-])(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)+[a-z]{2,}\b\.?|<[\w.-]+>")
# IronPort puts its own guess in front of the answer: "5.1.0 - Unknown address error 550-'5.7.1 …'".
_WRAPPED = re.compile(r"\b[45]\.\d\.\d - [\w /()]{3,40} error (?=\d{3}[- ])", re.IGNORECASE)
# The code that each line of a long answer repeats; advice about the address, no word of time.
_IDLE = re.compile(
    r"(?<=\S)\s+[45]\d\d-(?:[45]\.\d{1,3}\.\d{1,3} )?|(?:check|verif|correct)[^.;]{0,60}(?:re)?try again", re.IGNORECASE
)
_NOT_FINAL = re.compile(
    r"^4\.|(^|;|said:)\s*4\d\d[ -]|temporar|temporair|(try|retry) (again|later)"
    r"|\blater\b|in progress|momentan|vor(ü|ue)bergehend|sp[äa]e?ter|veuillez (essayer|r[ée]essayer)|plus tard"
    r"|ult[ée]rieurement|m[áa]s tarde|pi[ùu] tardi|gr[ea]y ?list",
    re.IGNORECASE,
)
_BEFORE_RECIPIENT = re.compile(
    r"in reply to (mail from|helo|ehlo)|after (pipelined )?(mail from|helo|ehlo|initial connection)", re.IGNORECASE
)
_STAGE_NAMED = re.compile(r"\(in reply to [^)]*\)", re.IGNORECASE)
_CODE = re.compile(r"(?<![\w.])([245])\.(\d{1,3}\.\d{1,3})(?!\.?\w)")


def classify(status="", diagnostic="", category="", action="", phrases=()):
    """Verdict on one failure.

    :param phrases: tuple of Phrase, asked before all others
    """
    if action in ("delayed", "delivered", "relayed", "expanded"):
        return Verdict(Kind.IGNORED, action)
    answer = _IP.sub("203.0.113.1", _ADDRESS.sub("addr", diagnostic[:_LONGEST]))  # 45.5.1.1 is no code
    return _judge(f"{status.partition(' ')[0]};{answer}", category, phrases)


@lru_cache(maxsize=20_000)
def _judge(answer, category, phrases):
    whole = _IDLE.sub(" ", _WRAPPED.sub("", answer))
    is_final = not _NOT_FINAL.search(whole)
    for kind, reason, pattern in phrases:
        if re.search(pattern, whole, re.IGNORECASE):
            return Verdict(_tempered(kind, is_final), reason, _FAULT_BY_KIND[kind], is_final)
    cause = _find_cause(whole, category)
    if cause.dead and (category == "invalid-sender" or _BEFORE_RECIPIENT.search(whole)):
        cause = rules.OUR_NAME
    is_final = is_final and not cause.passing
    return Verdict(_kind_of(cause, is_final), cause.reason, cause.fault, is_final)


def _find_cause(whole, category):
    words = _HOST.sub("host", _URL.sub("link", _STAGE_NAMED.sub("", whole))).lower()
    whole = whole.lower()
    code = _code_of(whole)
    return (
        _first(_PROVIDER_CODES, whole)
        or _first(_STAGE, words)
        or rules.OURS_BY_CODE.get(code)
        or _first(_WORDS, words)
        or rules.THEIRS_BY_CODE.get(code)
        or rules.BY_CATEGORY.get(category)
        or _first(_WEAK_WORDS, words)
        or rules.BY_SUBJECT.get(code.partition(".")[0])
        or rules.UNKNOWN
    )


def _first(compiled, text):
    return next((cause for cause, pattern in compiled if pattern.search(text)), None)


def _code_of(whole):
    """Subject and detail of the answer's own code, else of PowerMTA's status: "1.1" of 5.1.1."""
    status, _separator, diagnostic = whole.partition(";")
    found = _CODE.search(diagnostic) or _CODE.search(status)
    return found[2] if found else ""


def _kind_of(cause, is_final):
    if cause.dead:
        return _tempered(Kind.HARD, is_final)
    return Kind.BLOCK if cause is rules.AUTHENTICATION else _KIND_BY_FAULT[cause.fault]


def _tempered(kind, is_final):
    return Kind.SOFT if kind is Kind.HARD and not is_final else kind


_PROVIDERS = {
    "gmail": ("gmail.com", "googlemail.com"),
    "microsoft": ("outlook.", "hotmail.", "live.", "msn.com"),
    "yahoo": ("yahoo.", "ymail.com", "rocketmail.com", "aol.com"),
    "orange": ("orange.fr", "wanadoo.fr"),
    "free": ("free.fr", "aliceadsl.fr"),
    "sfr": ("sfr.fr", "neuf.fr", "cegetel.net", "numericable.fr"),
    "laposte": ("laposte.net",),
    "apple": ("icloud.com", "me.com", "mac.com"),
    "gmx": ("gmx.", "web.de"),
}


@lru_cache(maxsize=100_000)
def provider_of(domain):
    """Name of the mailbox provider behind an address's domain, "other" for the rest."""
    for provider, names in _PROVIDERS.items():
        if any(domain == name or (name.endswith(".") and domain.startswith(name)) for name in names):
            return provider
    return "other"
