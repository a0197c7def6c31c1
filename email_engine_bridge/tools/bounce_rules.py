"""Causes for which a mail is refused, and the rules that find them in an answer (`bounce_rules.toml`)."""

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple


class Fault(StrEnum):
    """Who has to do something about it."""

    RECIPIENT = "recipient"  # the mailbox or its domain
    SENDER = "sender"  # our name, DNS, authentication
    REPUTATION = "reputation"  # our IP or domain is not trusted, or too fast
    CONTENT = "content"  # this message
    RECEIVER = "receiver"  # their server has trouble
    CONFIGURATION = "configuration"  # our MTA is set up wrongly
    NONE = "none"  # no failure at all


class Cause(NamedTuple):
    """Why a mail was refused. `dead`: the address will never work again, if the answer is final."""

    reason: str
    fault: Fault
    dead: bool = False
    passing: bool = False
    """Over by itself, whatever the code says: a full mailbox, a busy server."""


UNKNOWN_MAILBOX = Cause("unknown mailbox", Fault.RECIPIENT, dead=True)
UNKNOWN_DOMAIN = Cause("unknown domain", Fault.RECIPIENT, dead=True)
INACTIVE = Cause("inactive", Fault.RECIPIENT, dead=True)
FULL = Cause("full", Fault.RECIPIENT, passing=True)
RATE = Cause("rate", Fault.RECIPIENT, passing=True)
REFUSED = Cause("refused by the recipient", Fault.REPUTATION)
OUR_NAME = Cause("our name", Fault.SENDER)
AUTHENTICATION = Cause("authentication", Fault.SENDER)
BLOCKLIST = Cause("blocklist", Fault.REPUTATION)
REPUTATION = Cause("reputation", Fault.REPUTATION)
POLICY = Cause("policy", Fault.REPUTATION)
SPAM = Cause("spam", Fault.CONTENT)
OUR_SIDE = Cause("our side", Fault.CONFIGURATION)
UNREACHABLE = Cause("unreachable", Fault.RECEIVER, passing=True)
TROUBLE = Cause("their server", Fault.RECEIVER)
AUTO_REPLY = Cause("auto-reply", Fault.NONE)
UNKNOWN = Cause("unknown", Fault.RECEIVER)

# Bounce categories of the PowerMTA v5.0 User's Guide (chapter 11). "other" says nothing.
BY_CATEGORY = {
    "bad-mailbox": UNKNOWN_MAILBOX,
    "bad-domain": UNKNOWN_DOMAIN,
    "inactive-mailbox": INACTIVE,
    "quota-issues": FULL,
    "routing-errors": TROUBLE,
    "message-expired": UNREACHABLE,
    "no-answer-from-host": UNREACHABLE,
    "bad-connection": UNREACHABLE,
    "spam-related": SPAM,
    "policy-related": POLICY,
    "content-related": SPAM,
    "virus-related": SPAM,
    "invalid-sender": OUR_NAME,
    "bad-configuration": OUR_SIDE,
    "protocol-errors": OUR_SIDE,
    "relaying-issues": OUR_SIDE,
}

# Enhanced status codes: RFC 3463, RFC 7372 (authentication), RFC 7505 (null MX), RFC 7293 (owner changed), the IANA
# registry. Left out are codes that servers use for anything: x.0.0, x.1.0, x.2.0, x.5.0, x.7.0, x.7.1.
OURS_BY_CODE = {
    "1.7": OUR_NAME, "1.8": OUR_NAME,
    "3.4": OUR_SIDE, "5.2": OUR_SIDE, "5.3": OUR_SIDE, "5.4": OUR_SIDE, "7.4": OUR_SIDE, "7.10": OUR_SIDE,
    **dict.fromkeys(("7.20", "7.21", "7.22", "7.23", "7.24", "7.25", "7.26", "7.29"), AUTHENTICATION),
    "7.28": REPUTATION,
}  # fmt: skip
THEIRS_BY_CODE = {
    "1.1": UNKNOWN_MAILBOX, "1.3": UNKNOWN_MAILBOX, "1.6": UNKNOWN_MAILBOX, "7.17": UNKNOWN_MAILBOX,
    "1.2": UNKNOWN_DOMAIN, "1.10": UNKNOWN_MAILBOX, "4.310": UNKNOWN_DOMAIN, "7.18": UNKNOWN_DOMAIN,
    "2.1": INACTIVE, "7.13": INACTIVE,
    "2.2": FULL, "2.3": OUR_SIDE, "3.1": UNREACHABLE,
}  # fmt: skip
# What is left when nobody said anything clearer.
BY_SUBJECT = {"1": UNKNOWN, "2": UNKNOWN, "3": TROUBLE, "4": UNREACHABLE, "5": UNKNOWN, "6": SPAM, "7": POLICY}


_FILE = tomllib.loads(Path(__file__).with_name("bounce_rules.toml").read_text(encoding="utf-8"))
_BY_REASON = {cause.reason: cause for cause in list(globals().values()) if isinstance(cause, Cause)}


def _read(rules):
    return [(_BY_REASON[rule["cause"]], "|".join(rule["patterns"])) for rule in rules]


PROVIDERS = [(provider["name"], provider["source"], _read(provider["rule"])) for provider in _FILE["provider"]]
"""(name, source, [(cause, expression)])"""
STAGE, WORDS, WEAK_WORDS = _read(_FILE["stage"]), _read(_FILE["word"]), _read(_FILE["weak_word"])
