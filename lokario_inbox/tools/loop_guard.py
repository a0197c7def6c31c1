"""Who must never get an automatic answer (RFC 3834 section 2, RFC 2919/2369 lists, RFC 3464 bounces).

Pure: takes the headers of the mail that came in and says why it may not be answered by a machine.
"""

from odoo.addons.lokario_inbox.tools.automatic_mail import read_headers
from odoo.addons.lokario_inbox.tools.mail_addresses import addresses

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
    headers = list(headers)
    own = {address.lower() for address in own_addresses}
    return read_headers(headers).mark or _badly_addressed(_by_name(headers), own, max_recipients)


def _by_name(headers) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(str(value or "").strip())
    return values


def _badly_addressed(values, own, max_recipients) -> str | None:
    if len(_addresses(values, "from")) != 1:
        return "no_sender"
    (sender,) = _addresses(values, "from")
    reply_to = _addresses(values, "reply-to")
    if sender in own or reply_to & own:
        return "own_address"
    if reply_to - {sender}:
        return "reply_to_list"  # the answer would go to a person other than the person who wrote
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
