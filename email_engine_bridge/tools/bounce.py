"""Whose fault is it? Classify delivery failures by diagnostic, PowerMTA category and status code.

A person is suppressed only for what is theirs (the mailbox or its domain does not exist any more).
Spam and policy blocks are the sender's and count against the IP. Sources: bounce categories of the
PowerMTA v5.0 User's Guide (§11), enhanced status codes of RFC 3463, codes published by Gmail
(support.google.com 14229414), Yahoo (senders.yahooinc.com/smtp-error-codes) and Microsoft
(5.7.515, 4.7.650).
"""

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple


class Kind(StrEnum):
    HARD = "hard"  # the address is dead: suppress the person
    SOFT = "soft"  # full, slow, temporary: nothing, or a later try
    BLOCK = "block"  # spam or policy: charge the IP
    TECHNICAL = "technical"  # our own configuration: the operator's to mend
    IGNORED = "ignored"  # auto-replies, delays: no failure at all


class Verdict(NamedTuple):
    kind: Kind
    reason: str


class Phrase(NamedTuple):
    """What a diagnostic that contains ``pattern`` (a regular expression, case ignored) says about a failure."""

    kind: Kind
    reason: str
    pattern: str


_BY_CATEGORY = {
    "bad-mailbox": Kind.HARD,
    "bad-domain": Kind.HARD,
    "inactive-mailbox": Kind.HARD,
    "routing-errors": Kind.SOFT,
    "quota-issues": Kind.SOFT,
    "message-expired": Kind.SOFT,
    "no-answer-from-host": Kind.SOFT,
    "bad-connection": Kind.SOFT,
    "spam-related": Kind.BLOCK,
    "policy-related": Kind.BLOCK,
    "content-related": Kind.BLOCK,
    "virus-related": Kind.BLOCK,
    "invalid-sender": Kind.TECHNICAL,
    "bad-configuration": Kind.TECHNICAL,
    "protocol-errors": Kind.TECHNICAL,
    "relaying-issues": Kind.TECHNICAL,
    "other": Kind.SOFT,
}

# The first pattern that matches decides; blocks come before mailboxes, because a blocking host often
# says "user" or "recipient" too.
_PATTERNS = [
    # What the other host does not find is our name, not the recipient's: that kills no address.
    (
        Kind.TECHNICAL,
        "our name",
        r"\b(helo|ehlo)\b|sender('s)? (address|domain|host).{0,80}(null mx|not (be )?(found|resol)|(does not|doesn.?t) "
        r"(exist|resol)|rejected|unverif|has no)|sender (address )?verif\w* fail|(un|not )able to verify( the)? sender|"
        r"(bad|invalid) sender|sender verify|\b5\.7\.27\b|\b5\.1\.[78]\b",
    ),
    (
        Kind.IGNORED,
        "auto-reply",
        r"out of (the )?office|auto.?(reply|respon)|vacation|absence|delayed \(not yet failed\)",
    ),
    (
        Kind.BLOCK,
        "blocklist",
        r"spamhaus|spamcop|barracuda|sorbs|proofpoint\.com|cloudmark|invaluement|uceprotect|\b(dns)?[rd]bl\b|"
        r"block(ed)? ?list|black ?list|blocked using|listed (in|at|by|on)|client host .* blocked",
    ),
    (
        Kind.BLOCK,
        "reputation",
        r"reputation|\[TSS?0\d\]|\bTS0[1-4]\b|4\.7\.650|RBL:|unusual rate|rate.?limit|"
        r"too many (messages|connections|recip)|unsolicited|deferred due to user complaints|user complaints|"
        r"likely (spam|suspicious)|suspicious|temporarily deferred|greylist|frequency (is )?limit|blocked ip\b|"
        r"\bip\b.{0,20}\bblocked|lpn\d+_510",
    ),
    (
        Kind.BLOCK,
        "authentication",
        r"\b(spf|dkim|dmarc)\b|5\.7\.26|5\.7\.515|unauthenticated|not authenticated|sender policy|"
        r"authentication (requirement|level)|no ptr|reverse dns|\bptr\b|forward.?confirmed|"
        r"mismatches? client ip",
    ),
    (
        Kind.BLOCK,
        "spam",
        r"\bspam|junk|bulk mail|phish|content (rejected|filter)|"
        r"message (was )?(rejected|blocked|refused) (due to|because of) (content|policy)|virus|malware|"
        r"banned (content|attachment)|url .* listed",
    ),
    (
        Kind.SOFT,
        "rate",
        r"receiving mail (at a rate|too quickly)",
    ),
    (
        Kind.SOFT,
        "full",
        r"mailbox (is )?(full|over)|over ?quota|quota (is )?(exceeded|full)|exceed(ed|s) .*(quota|storage)|"
        r"insufficient (system )?storage|out of storage|storage limit|boîte pleine",
    ),
    (
        Kind.HARD,
        "inactive",
        r"(account|mailbox|user|address|recipient)( \S+){0,3} (is |has been )?(disabled|inactive|"
        r"suspended|deactivated|discontinued|closed|locked|expired)|"
        r"no longer (active|available|in use|valid|with|works|monitored)|disabled due to inactivity|"
        r"(recipient )?account is blocked|archived recipient|lpn\d+_42[06]",
    ),
    (
        Kind.HARD,
        "unknown mailbox",
        r"(user|mailbox|recipient|address|account|alias|member)( \S+){0,4} (is )?(unknown|"
        r"not (be )?found|doesn.?t exist|does not exist|not exist|invalid|unavailable: unknown|not known|"
        r"unrouteable|undeliverable)|"
        r"unknown (user|recipient|mailbox|local part|address|account)|"
        r"no such (user|mailbox|recipient|address|account|person)|no mailbox( here)?|no (user|recipient) found|"
        r"requested action not taken: mailbox unavailable|"
        r"not a (valid|known) (user|mailbox|recipient)|"
        r"(invalid|bad|nonexistent|non-existent) (recipient|mailbox|user|address|destination)|not listed in|"
        r"recipientnotfound|resolver\.adr|doesn.?t have (a|an) .*account|does not have an? .*account|"
        r"recipient address rejected: (access denied|undeliverable|user|address)|utilisateur inconnu|"
        r"\b5\.1\.(1|3|6|10)\b",
    ),
    (
        Kind.HARD,
        "unknown domain",
        r"(domain|host)( \S+){0,3} (not found|does not exist|doesn.?t exist|unknown)|nxdomain|"
        r"no such (domain|host)|unrouteable domain|name or service not known|bad destination system|null mx|"
        r"\b5\.1\.2\b|5\.1\.10|domain has no mx",
    ),
    (
        Kind.TECHNICAL,
        "our side",
        r"relay(ing)? (access )?denied|not permitted to relay|unable to relay|syntax error|"
        r"bad sequence|line too long|message (size )?(exceeds|too (big|large))|5\.3\.4|"
        r"must issue a starttls|tls required",
    ),
    (
        Kind.BLOCK,
        "policy",
        r"\b5\.7\.\d+\b|\b4\.7\.\d+\b|policy|access denied|not authorized|refused by|administrat|prohibited|"
        r"rejected by (the )?recipient|local (policy|rule)",
    ),
    (
        Kind.SOFT,
        "unreachable",
        r"time(d)? ?out|connection (refused|reset|lost|dropped)|no answer|unreachable|try (again|later)|"
        r"temporar|service (not |un)available|too busy|expired|resources|loop|server (is )?(busy|down)",
    ),
]


def _compiled(phrase):
    return phrase[0], phrase[1], re.compile(phrase[2], re.IGNORECASE)


_COMPILED = list(map(_compiled, _PATTERNS))
_LONGEST = 1000  # characters of a diagnostic that are read
# Echoed addresses are no words of the host: <p.junker@…>, <vacation@…>.
_ADDRESS = re.compile(r"<?[^\s<>()\[\]:,;\"]+@[^\s<>()\[\]:,;\"]+>?")
_NOT_FINAL = re.compile(
    r"^4\.|(^|[\s;])4\d\d[ -]|temporar|(try|retry) (again|later)|\blater\b|veuillez (essayer|r[ée]essayer)|greylist",
    re.IGNORECASE,
)
_CODE = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")


@lru_cache(maxsize=20_000)
def classify(status="", diagnostic="", category="", action="", phrases=()):
    """Verdict on one failure: the words of the remote host, then PowerMTA's category, then the code.

    :param phrases: tuple of Phrase, asked before those of this file
    """
    if action in ("delayed", "delivered", "relayed", "expanded"):
        return Verdict(Kind.IGNORED, action)
    text = f"{status} {_ADDRESS.sub('addr', diagnostic)}"[:_LONGEST]
    for kind, reason, pattern in (*map(_compiled, phrases), *_COMPILED):
        if pattern.search(text):
            return Verdict(_tempered(kind, text, category), reason)
    if category in _BY_CATEGORY and category != "other":
        return Verdict(_tempered(_BY_CATEGORY[category], text, category), category)
    return _by_code(text)


def _tempered(kind, text, category):
    """An address dies by a final answer about itself: not by 4xx or words of time, nor by what PowerMTA calls ours."""
    if kind is not Kind.HARD:
        return kind
    if _NOT_FINAL.search(text):
        return Kind.SOFT
    return Kind.TECHNICAL if category == "invalid-sender" else kind


def _by_code(text):
    found = _CODE.search(text)
    if not found:
        return Verdict(Kind.SOFT, "unknown")
    level, subject, detail = found.groups()
    if level == "5" and subject == "1" and detail in ("0", "1", "2", "3", "4", "6", "10"):
        return Verdict(Kind.HARD, f"{level}.{subject}.{detail}")
    if level == "5" and subject == "2" and detail == "1":
        return Verdict(Kind.HARD, "5.2.1")
    return Verdict(Kind.BLOCK if subject == "7" else Kind.SOFT, f"{level}.{subject}.{detail}")


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
