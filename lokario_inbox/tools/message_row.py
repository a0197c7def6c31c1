"""The columns of a stored mail, as far as the mail and its place tell them: computed once, written once."""

from dataclasses import dataclass

from .authentication import authentication_verdict
from .mail_traits import mail_traits
from .message_ids import parse_ids
from .threading import subject_key

_THREAD_KEY = 200  # characters; an index takes no endless subject


@dataclass(frozen=True)
class Place:
    """Where mails are stored: use of the folder, addresses of the mailbox, receiving servers it believes, Message-IDs
    of our own mails whose hidden copies are on their way.
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
    """What follows from mail and place: direction, identifiers for threading, kind, proof of the author."""
    is_sent = place.special_use == "sent" or mail.from_address in place.own_addresses
    (message_ref, *_rest) = parse_ids(mail.message_id) or ("",)
    return {
        "direction": "out" if is_sent else "in",
        "is_own": _is_proved_own(mail, place, is_sent),
        "message_ref": message_ref,
        "reference_ids": list(parse_ids(mail.references, mail.in_reply_to)),
        "thread_key": subject_key(mail.subject)[0][:_THREAD_KEY],
        "authentication": authentication_verdict(mail.headers, mail.from_address, place.trusted),
        **_kind(mail, is_sent),
    }


def _is_proved_own(mail, place, is_sent):
    """Did the mailbox itself write it? By evidence, never by From.

    A mail in Sent or Drafts was put there by somebody with the password; a hidden copy is expected by its Message-ID.
    Gmail shows one folder, "All Mail": there what was received carries the verdict of Gmail, what was sent none.
    """
    if place.special_use in ("sent", "drafts") or (is_sent and mail.message_id in place.expected):
        return True
    headers = mail.headers.lower()
    received = "authentication-results:" in headers or "received-spf:" in headers
    return place.special_use == "all" and is_sent and not received


def _kind(mail, is_sent):
    if is_sent:
        return {"is_newsletter": False, "is_automatic": False}
    traits = mail_traits(
        from_address=mail.from_address,
        list_id=mail.list_id,
        precedence=mail.precedence,
        auto_submitted=mail.auto_submitted,
        return_path=mail.return_path,
        headers=mail.headers,
    )
    return {"is_newsletter": traits.is_newsletter, "is_automatic": traits.is_automatic}
