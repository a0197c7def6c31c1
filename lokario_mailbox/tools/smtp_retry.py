"""What to do after an SMTP attempt that did not end in 250.

One table for everything that leaves a company mailbox. Sources: RFC 5321 (section 4.2 reply codes, 4.5.3.1.10 for 552
after RCPT, 4.5.4.1 for retries), RFC 3463 (enhanced codes), RFC 4954 (AUTH codes), Google's and Microsoft's published
SMTP error lists for daily limits (5.4.5, 4.7.28, 5.7.60, 5.1.90).
"""

import random
import re
from dataclasses import dataclass

RETRY = "retry"  # nothing was handed over: try again later without a word
VERIFY = "verify"  # the server may have taken it: look for it in the mailbox before anything else
REFUSED = "refused"  # this mail will never pass: a person must change it
HOLD = "hold"  # the mailbox itself is stopped (login, limit): its mails wait, its owner is notified

STAGES = ("connect", "tls", "login", "mail", "rcpt", "data", "sent")
# "data" ends with the last line of the message; "sent" begins with the final dot

DELAYS = (
    60,
    120,
    300,
    900,
    1800,
    3600,
    7200,
    14400,
)  # seconds; RFC 5321 asks 30 minutes between relays, a client is quicker
MAX_ATTEMPTS = 20  # about two days with the delays above
HOLD_LOGIN = 3600  # seconds between two tries with credentials that were refused
HOLD_LIMIT = 21600  # seconds: daily limits open again within a day

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_SMTPLIB = re.compile(r"\((\d{3}), b['\"]([^'\"]*)")  # a code and its words in the text of smtplib's exceptions
_LIMIT_CODES = {"5.4.5", "4.7.28", "5.1.90", "5.1.8"}  # of the sender
_LIMIT_CODES |= {f"5.7.{detail}" for detail in (232, 233, 501, 502, 503, 705, 708)}
_SPEED_CODES = {"5.2.121", "5.2.122"}  # how much a recipient takes in an hour
_SENDER_CODES = {"5.7.60", "5.7.509", "5.2.252", "5.1.7"}
# in words: how much this mailbox may send in a day or an hour, not how fast
_QUOTA_WORDS = re.compile(
    r"\b(?:daily|hourly|send(?:ing)?|sent|outbound|outgoing|sender|account|24[- ]?h\w*|d'envois?|journali\w+"
    r"|(?:per|by|par|a) (?:day|hour|jour|heure))\b[\w '\-]{0,40}\b(?:limit\w*|quota|maximum)\b"
    r"|\b(?:limit\w*|quota|maximum)\b[\w '\-]{0,40}\b(?:daily|hourly|(?:per|par) (?:day|hour|jour|heure)|d'envois?"
    r"|(?:mails?|messages?) sent|24)\b"
    r"|sender address rejected[: ]+[\w ]{0,20}(?:quota|limit|rate)|unusual sending activity|bad outbound sender"
    r"|too many (?:messages|mails)(?! (?:per|in|for) (?:this |the |one |a )?(?:connection|session))"
    r"|trop (?:de messages|de mails|de courriels|d'envois)"
    r"|exceeded the max(?:imum)? [\w ]{0,40}per (?:hour|day)"
    r"|too many recipients (?:(?:in|within) the last|[\w ]{0,20}\b(?:hour|day)\b)"
    r"|submissionquotaexceeded|only send \d{1,6} [\w ]{0,20}(?:per|an|a) (?:hour|day)\b",
    re.IGNORECASE,
)
_SPEED_WORDS = re.compile(
    r"\brate\b|throttl|too (?:fast|quickly)|too much mail|slow down|concurrent|thread limit"
    r"|too many (?:connections|sessions)|submission rate",
    re.IGNORECASE,
)
_DAY_WORDS = re.compile(r"\b(?:daily|per day|24)\b", re.IGNORECASE)
_LATER_WORDS = re.compile(r"try (?:again )?later|(?:r[ée])?essayer plus tard", re.IGNORECASE)
_LOGIN_WORDS = re.compile(r"authentication (?:is )?required|requires? authentication|authenticate first", re.IGNORECASE)
_FULL_WORDS = re.compile(r"(quota|limit) exceeded|mailbox( is)? full|over ?quota|bo[iî]te .{0,40}pleine", re.IGNORECASE)
_SENDER_WORDS = re.compile(
    r"(?:sender|from) (?:e-?mail )?address (?:rejected|is not|not)(?!: (?:greylist|domain))"
    r"|send ?as ?denied|send as this (?:sender|user)"
    r"|not (?:allowed|permitted|authori[sz]ed) to (?:send|use)[\w ]{0,20}(?:as|from|sender|address)"
    r"|sender verify failed|email address is not verified"
    r"|relaying disallowed as|from address is not one of your|expéditeur",
    re.IGNORECASE,
)
_NOT_THE_RECIPIENT = re.compile(
    r"client host rejected|relay(?:ing)? (?:access )?denied|blocked using|helo command rejected", re.IGNORECASE
)


@dataclass(frozen=True)
class Verdict:
    """action: RETRY, VERIFY, REFUSED or HOLD; wait: seconds before the next step; cause: a fixed word."""

    action: str
    wait: int
    cause: str


def enhanced_code(text: str) -> str:
    """Return the RFC 3463 code in a server's answer ("5.7.1"), or ""."""
    match = _ENHANCED.search(text or "")
    return ".".join(match.groups()) if match else ""


def classify(code: int | None, text: str = "", stage: str = "connect", attempt: int = 1) -> Verdict:
    """Return the Verdict on a failed attempt.

    code: the server's three digits, or None when there was no answer (network, TLS, crash); text: the server's words;
    stage: one of STAGES, how far the attempt came; attempt: 1 for the first.
    """
    enhanced = enhanced_code(text)
    if stage == "sent" and (code is None or code < 500):
        # a server that answers 4xx, or nothing, after the final dot may all the same have taken the mail
        return Verdict(VERIFY, 30, "unclear")
    if stage == "tls" and code is None:
        return Verdict(HOLD, HOLD_LOGIN, "tls")
    if code is None:
        return _later(attempt, "network")
    is_unknown = stage in ("mail", "rcpt") and bool(_LOGIN_WORDS.search(text or ""))
    if stage == "login" or code in (530, 534, 535, 538) or is_unknown:
        return _login(code, attempt)
    if _is_our_limit(code, enhanced, text or "", stage):
        return Verdict(HOLD, HOLD_LIMIT, "limit")
    if _is_about_number(code, enhanced, text or "", stage):
        return _later(attempt, "too_many_recipients")
    if code < 500 or _is_about_speed(enhanced, text or "", stage):
        return _later(attempt, "busy")
    return Verdict(REFUSED, 0, _refusal_cause(code, enhanced, text or "", stage))


def classify_reason(reason: str, attempt: int) -> Verdict:
    """Return the Verdict on a failure of Odoo's own sending, which keeps the text of smtplib's exception only.

    >>> classify_reason("SMTPRecipientsRefused: {'a@b.example': (450, b'4.2.0 Greylisted')}", 1).action
    'retry'
    """
    stage = "rcpt" if "SMTPRecipientsRefused" in reason else "mail" if "SMTPSenderRefused" in reason else "data"
    verdicts = [classify(int(code), text, stage, attempt) for code, text in _SMTPLIB.findall(reason)]
    refusals = [verdict for verdict in verdicts if verdict.action == REFUSED]
    return next(iter(refusals or verdicts), Verdict(REFUSED, 0, "policy"))


def _is_our_limit(code: int, enhanced: str, text: str, stage: str) -> bool:
    """Whether it is our own mailbox that may send no more: by the class (RFC 3463), by words only without one.

    A full mailbox (X.2.2) is that of whom the stage speaks of: ours after MAIL, the recipient's after RCPT.
    """
    if enhanced in _LIMIT_CODES:
        return True
    if code < 500 and _SPEED_WORDS.search(text) and not _DAY_WORDS.search(text):
        return False
    names_quota = bool(_QUOTA_WORDS.search(text))
    if enhanced[1:] == ".2.2" or (not enhanced and _FULL_WORDS.search(text) and not names_quota):
        return stage == "mail"
    if enhanced[1:] in (".5.3", ".2.1", ".2.3", ".1.1", ".3.4") or code == 552:
        return False
    return names_quota


def _is_about_number(code: int, enhanced: str, text: str, stage: str) -> bool:
    """Whether the mail has too many recipients; old servers say 552 for 452 (RFC 5321 4.5.3.1.10)."""
    is_old = code == 552 and stage == "rcpt" and enhanced in ("", "5.0.0") and not _FULL_WORDS.search(text)
    return enhanced[1:] == ".5.3" or is_old or (not enhanced and "too many recipients" in text.lower())


def _is_about_speed(enhanced: str, text: str, stage: str) -> bool:
    """Whether a 5xx only means: not so fast (Google's 5.2.1 of a recipient who gets too much immediately)."""
    if enhanced in _SPEED_CODES or (stage in ("connect", "mail") and _LATER_WORDS.search(text)):
        return True
    return enhanced in ("5.2.1", "5.7.0", "") and bool(
        re.search(r"receiving mail (?:at a rate|too quickly)", text, re.IGNORECASE)
    )


def _login(code: int, attempt: int) -> Verdict:
    if code in (421, 432, 451, 454):  # RFC 4954: temporary authentication failure, password transition
        return _later(attempt, "login_busy")
    return Verdict(HOLD, HOLD_LOGIN, "login")


def _later(attempt: int, cause: str) -> Verdict:
    if attempt >= MAX_ATTEMPTS:
        return Verdict(REFUSED, 0, "gave_up")
    return Verdict(RETRY, DELAYS[min(attempt, len(DELAYS)) - 1], cause)


def _refusal_cause(code: int, enhanced: str, text: str, stage: str) -> str:
    if enhanced in _SENDER_CODES or _SENDER_WORDS.search(text) or (stage == "mail" and code in (550, 553)):
        return "sender"
    if enhanced in ("5.3.4", "5.2.3") or (code == 552 and not enhanced and not _FULL_WORDS.search(text)):
        return "size"
    if stage == "rcpt" and not _NOT_THE_RECIPIENT.search(text):
        return "recipient"
    return "policy"


def with_jitter(seconds: int, rng: random.Random | None = None) -> int:
    """Return seconds spread by plus or minus a fifth, so that many mails do not come back at the same instant."""
    spread = (rng or random).uniform(0.8, 1.2)
    return max(1, round(seconds * spread))
