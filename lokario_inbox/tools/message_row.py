"""The columns of a stored mail, as far as the mail and its location say them: computed once, written once."""

import re
from dataclasses import dataclass

from .authentication import authentication_verdict
from .delivery_report import LIST
from .mail_traits import is_newsletter
from .message_ids import parse_ids
from .threading import subject_key

_TRACE = re.compile(
    r"^(?:received|return-path|delivered-to|envelope-to|x-original-to|authentication-results|received-spf)[ \t]*:", re.M
)  # what a server that receives a mail writes into it
_THREAD_KEY = 200  # characters; an index takes no endless subject


@dataclass(frozen=True)
class Place:
    """Where mails are stored: use of the folder, addresses of the mailbox, receiving servers it believes, Message-IDs
    of our own mails whose Bcc self-copies are on their way.
    """

    special_use: str = ""
    own_addresses: frozenset = frozenset()
    trusted: tuple = ()
    expected: frozenset = frozenset()


def content_columns(item, mail, now):
    """What the bytes of a mail say (RawItem, Mail); an empty text is None. ``now``: for mail without any date."""
    flags = item.flags.split()
    texts = {name: getattr(mail, name) or None for name in _TEXTS}
    return {
        **texts,
        "identity": mail.identity,
        "server_ref": item.server_ref or None,
        "message_id_header": mail.message_id or None,
        "date": item.internaldate or mail.date_header or now,
        "date_header": mail.date_header,
        "has_attachments": any(not part.is_inline for part in mail.attachments),
        "size": mail.size,
        "is_seen": "\\Seen" in flags,
        "is_answered": "\\Answered" in flags,
        "is_flagged": "\\Flagged" in flags,
    }


_TEXTS = (
    "in_reply_to",
    "references",
    "subject",
    "email_from",
    "from_address",
    "email_to",
    "email_cc",
    "reply_to",
    "body_text",
    "body_html",
    "preview",
    "auto_submitted",
    "list_id",
    "precedence",
    "return_path",
    "headers",
)


def derived_columns(mail, place):
    """What follows from mail and place: direction, identifiers for threading, kind, verification of the author."""
    is_own = _is_verified_own(mail, place)
    (message_ref, *_rest) = parse_ids(mail.message_id) or ("",)
    return {
        "direction": "out" if is_own else "in",
        "is_own": is_own,
        "message_ref": message_ref,
        "reference_ids": list(parse_ids(mail.references, mail.in_reply_to)),
        "thread_key": subject_key(mail.subject)[0][:_THREAD_KEY],
        "authentication": authentication_verdict(mail.headers, mail.from_address, place.trusted),
        **_kind(mail, is_own),
    }


def _is_verified_own(mail, place):
    """Did the mailbox itself write it? By evidence, never by From alone: anybody writes what he likes there.

    A mail in Sent or Drafts was put there by a person with the password; a Bcc self-copy is expected by its Message-ID.
    So was one that people file elsewhere without any trace of a server that received it, which every one leaves (RFC
    5321 4.4); in the inbox no such thing is believed. Gmail shows one folder, "All Mail": there what was received
    carries the verdict of Gmail, what was sent none.
    """
    names_us = mail.from_address in place.own_addresses
    if place.special_use in ("sent", "drafts") or (names_us and mail.message_id in place.expected):
        return True
    if not names_us or place.special_use in ("inbox", "junk", "trash"):
        return False
    headers = mail.headers.lower()
    if place.special_use == "all":
        return "authentication-results:" not in headers and "received-spf:" not in headers
    return not _TRACE.search(headers)


def _kind(mail, is_own):
    newsletter = not is_own and is_newsletter(mail.headers, mail.precedence)
    kind = None if is_own else mail.automatic_kind or (LIST if newsletter else None)
    report = {
        name: (kind and getattr(mail, name)) or None for name in ("report_address", "report_reason", "returned_ref")
    }
    return {"is_newsletter": newsletter, "is_automatic": bool(kind), "automatic_kind": kind, **report}
