"""Who must never get an automatic answer (RFC 3834 section 2, RFC 2919/2369 lists, RFC 3464 bounces).

Pure: takes the headers of the mail that came in and says why it may not be answered by a machine.
"""

import re

from .mail_addresses import addresses
from .mime_text import decode_field

_ROBOT_LOCAL_PART = re.compile(
    r"^(mailer-daemon|postmaster|no[-_.]?reply.*|do[-_.]?not[-_.]?reply.*|ne[-_.]?pas[-_.]?repondre.*|nepasrepondre.*"
    r"|bounces?([-+_.=].*)?|.*[-_.+]bounces?|.*-request|owner-.*|.*-owner|majordomo|listserv|mailman|notifications?"
    r"|alerts?|root|daemon|robot|bot|automat(ed|ic)([-_.].*)?|auto[-_.]?(reply|response|confirm)|news(letter)?s?|mailing"
    r"|undisclosed-recipients?|.*[-_.]no[-_.]?reply|.*\+noreply)$"
)
_PRECEDENCE = {"bulk", "junk", "list", "auto_reply", "auto-reply"}
_LIST_HEADERS = (
    "list-id",
    "list-unsubscribe",
    "list-post",
    "list-help",
    "list-subscribe",
    "list-owner",
    "list-archive",
    "mailing-list",
    "x-mailing-list",
    "x-beenthere",
    "x-mailman-version",
    "x-list",
    "feedback-id",
    "x-campaign",
    "x-campaignid",
    "x-mailer-recptid",
    "x-report-abuse",
    "x-csa-complaints",
)
_ROBOT_HEADERS = (
    "x-auto-reply",
    "x-autoreply",
    "x-autoresponder",
    "x-vacation",
    "x-autorespond",
    "x-autoresponse",
    "x-auto-reply-from",
    "x-mail-autoreply",
    "x-loop",
    "x-failed-recipients",
    "x-cron-env",
    "x-nagios-notification",
    "x-github-reason",
    "x-jira-fingerprint",
    "x-gitlab-notificationreason",
    "x-ms-exchange-inbox-rules-loop",
    "x-amazon-ses-bounce",
    "x-fc-machinegenerated",
)
_SUPPRESS = {"all", "autoreply", "oof", "dr", "ndr", "rn", "nrn"}
_REPORT_TYPES = ("multipart/report", "message/delivery-status", "message/disposition-notification")
_AUTOMATIC_SUBJECT = re.compile(
    r"^\s*((re|tr|fwd?|aw|sv) ?:\s*)*(auto(matic|matische|mated)?[ -]?(reply|response|antwort|replay)"
    r"|out of( the)? office|r[ée]ponse automatique|absen(ce|t) du bureau|message d'absence|automatische antwort"
    r"|abwesenheits"
    r"|respuesta autom[áa]tica|risposta automatica|resposta autom[áa]tica|automatisch antwoord"
    r"|undeliver(ed|able)|delivery (status|failure|has failed)|mail delivery|returned mail|[ée]chec de (la )?remise"
    r"|non remis|unzustellbar|failure notice|(read|lu)\s?: |accus[ée] de lecture|warning: message .* delayed)",
    re.IGNORECASE,
)

REASONS = (
    "auto_submitted",
    "null_return_path",
    "mailing_list",
    "bulk",
    "suppressed",
    "report",
    "robot_address",
    "robot_header",
    "own_address",
    "not_addressed_to_us",
    "no_sender",
    "automatic_subject",
    "spam",
    "many_recipients",
    "reply_to_list",
)


def refusal(headers, own_addresses, *, max_recipients: int = 10) -> str | None:
    """Return the first reason (one of REASONS) not to answer automatically, or None when an answer is allowed.

    headers: list of (name, value) of the incoming mail, in any case, repeated names allowed.
    own_addresses: every address that this database answers from, lower case.
    """
    values = _by_name(headers)
    own = {address.lower() for address in own_addresses}
    checks = (_marked_automatic, _sent_by_list, _from_robot)
    for check in checks:
        if reason := check(values):
            return reason
    return _badly_addressed(values, own, max_recipients)


def _by_name(headers) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(str(value or "").strip())
    return values


def _marked_automatic(values) -> str | None:
    for value in values.get("auto-submitted", ()):
        if re.split(r"[;\s]", value.lower(), maxsplit=1)[0] != "no":
            return "auto_submitted"
    if any(value.replace(" ", "") in ("<>", "") for value in values.get("return-path", ())):
        return "null_return_path"
    for value in values.get("x-auto-response-suppress", ()):
        if _SUPPRESS & {word.strip().lower() for word in value.split(",")}:
            return "suppressed"
    if any(value.lower().startswith(_REPORT_TYPES) for value in values.get("content-type", ())):
        return "report"
    if any(value.lower() == "yes" for value in values.get("x-spam-flag", ())):
        return "spam"
    return None


def _sent_by_list(values) -> str | None:
    if any(name in values for name in _LIST_HEADERS):
        return "mailing_list"
    if any(value.lower() in _PRECEDENCE for value in [*values.get("precedence", ()), *values.get("x-precedence", ())]):
        return "bulk"
    return None


def _from_robot(values) -> str | None:
    delivered = values.get("delivered-to", ())
    if any(name in values for name in _ROBOT_HEADERS) or any(
        to.lower().startswith("autoresponder") for to in delivered
    ):
        return "robot_header"
    senders = _addresses(values, "from") | _addresses(values, "sender") | _addresses(values, "return-path")
    if any(_ROBOT_LOCAL_PART.match(address.rpartition("@")[0]) for address in senders):
        return "robot_address"
    if any(_AUTOMATIC_SUBJECT.match(decode_field(value)) for value in values.get("subject", ())):
        return "automatic_subject"
    return None


def _badly_addressed(values, own, max_recipients) -> str | None:
    if len(_addresses(values, "from")) != 1:
        return "no_sender"
    (sender,) = _addresses(values, "from")
    reply_to = _addresses(values, "reply-to")
    if sender in own or reply_to & own:
        return "own_address"
    if reply_to - {sender}:
        return "reply_to_list"  # the answer would go to somebody other than the person who wrote
    recipients = _addresses(values, "to") | _addresses(values, "cc")
    if not recipients & own:
        return "not_addressed_to_us"
    if len(recipients) > max_recipients:
        return "many_recipients"
    return None


def _addresses(values, name) -> set[str]:
    return set(addresses(*values.get(name, ())))


def answer_headers() -> dict[str, str]:
    """Return the headers that mark our own automatic answers (RFC 3834 section 5; Microsoft for the second)."""
    return {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All"}
