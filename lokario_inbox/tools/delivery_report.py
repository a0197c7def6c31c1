"""What a mail server says about a mail of ours: it failed, it is late, it arrived (RFC 3464, and those without it)."""

import re
from dataclasses import dataclass

from .automatic_words import BOUNCE, DELAY, REFUSED, STILL_TRYING, VACATION, folded, says
from .mail_addresses import addresses
from .mail_part import MailPart
from .mime_parts import parts_of
from .mime_text import decode_bytes, decode_field, decode_transfer

FAILURE, DELAYED, DELIVERED = "failure", "delayed", "delivered"
VACATION_REPLY, READ_RECEIPT, LIST, NOTIFICATION = "vacation", "receipt", "list", "notification"
KINDS = (FAILURE, DELAYED, DELIVERED, READ_RECEIPT, VACATION_REPLY, LIST, NOTIFICATION)

_PARTS_MAX = 200
_TEXT_MAX = 20_000  # characters: what a server has to say stands at the beginning
_REASON_MAX = 500
_ACTIONS = {"failed": FAILURE, "delayed": DELAYED, "delivered": DELIVERED, "relayed": DELIVERED, "expanded": DELIVERED}
_ORDER = (FAILURE, DELAYED, DELIVERED)  # of several recipients the worst counts
_FIELD = re.compile(r"(?m)^[ \t]*([A-Za-z][\w-]{1,40})[ \t]*:[ \t]*([^\n]*(?:\n[ \t]+\S[^\n]*)*)")
_MESSAGE_ID = re.compile(r"(?im)^[ \t>]*message-id[ \t]*:\s*(<[^<>\s]{3,400}>)")
_FINAL = re.compile(r"(?<![\d.])(?:5\d\d[ -]#?(?:5\.\d{1,3}\.\d{1,3})?|5\.\d{1,3}\.\d{1,3})(?![\d.])")
_LATER = re.compile(r"(?<![\d.])4\.\d{1,3}\.\d{1,3}(?![\d.])")


@dataclass(frozen=True)
class Automatic:
    """``kind``: one of KINDS, "" when a person may have written it. ``mark``: why a machine must not answer, or "".

    Of a delivery report: ``address`` it is about, ``reason`` (status and the server's words), ``returned_id`` (the
    Message-ID of the mail that it is about), each "" when the report does not say it.
    """

    kind: str = ""
    mark: str = ""
    address: str = ""
    reason: str = ""
    returned_id: str = ""


def read_report(message: MailPart, text: str, *, is_mailer: bool, subject: str) -> Automatic | None:
    """Return what the mail reports; None when it reports nothing: a challenge or an absence from a mail server, say.

    message: the tree; text: what people read of it; subject: folded.
    """
    parts = list(_parts(message))
    recipients = [
        fields for part in parts if part.media_type in _STATUS for fields in _recipients(part) if _kind_of(fields)
    ]
    returned = _returned_id(parts, text)
    if recipients:
        return _of_recipients(recipients, returned)
    failed = decode_field(message.get("X-Failed-Recipients"))
    may_report = is_mailer or returned or any(part.media_type in _RETURNED for part in parts)
    if failed or (may_report and _sounds_final(subject, text)):
        return _of_words(text, subject, failed, returned)
    return None


_STATUS = ("message/delivery-status", "message/global-delivery-status")
_RETURNED = (
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global-headers",
)


def _parts(message):
    """The parts in reading order, without looking into the returned mail, without recursion."""
    stack, seen = [message], 0
    while stack and seen < _PARTS_MAX:
        part, seen = stack.pop(), seen + 1
        yield part
        if part.media_type not in (*_STATUS, *_RETURNED) and (inside := parts_of(part)):
            stack.extend(reversed(inside))


def _recipients(part):
    """The fields of each recipient in a delivery status: {lower case name: value}."""
    for block in re.split(r"\n[ \t]*(?:\n[ \t]*)+", _text_of(part)):
        yield {name.lower(): " ".join(value.split()) for name, value in _FIELD.findall(block)}


def _text_of(part):
    if part.children is not None:  # the email package has taken the blocks apart
        return "\n\n".join(map(_block_text, part.children))[:_TEXT_MAX]
    return decode_bytes(decode_transfer(part.payload_bytes, part.encoding))[:_TEXT_MAX]


def _block_text(block):
    fields = "\n".join(f"{name}: {value}" for name, value in block.raw_items())
    return decode_bytes(fields.encode("utf-8", "surrogateescape") + b"\n\n" + block.payload_bytes)


def _of_recipients(recipients, returned):
    kinds = [_kind_of(fields) for fields in recipients]
    kind = next(kind for kind in _ORDER if kind in kinds)
    fields = recipients[kinds.index(kind)]
    who = fields.get("final-recipient") or fields.get("original-recipient") or fields.get("x-actual-recipient") or ""
    status, words = fields.get("status", ""), _typed(fields.get("diagnostic-code", ""))
    reason = words if words.startswith(status) or status in words else f"{status} {words}".strip()
    return Automatic(kind, "report", _address(_typed(who)), reason[:_REASON_MAX], returned)


def _kind_of(fields):
    action = re.split(r"[\s;(]", fields.get("action", "").lower(), maxsplit=1)[0]
    if action in _ACTIONS:
        return _ACTIONS[action]
    return {"5": FAILURE, "4": DELAYED, "2": DELIVERED}.get(fields.get("status", "")[:1])


def _typed(value):
    """The value behind its type: ``rfc822; anna@client.fr``."""
    kind, semicolon, rest = value.partition(";")
    return (rest if semicolon and re.fullmatch(r"\s*[\w.-]+\s*", kind) else value).strip()


def _sounds_final(subject, text):
    words = folded_text(text)
    if says(VACATION, subject):
        return False
    return bool(says(BOUNCE, subject) or says(DELAY, subject) or REFUSED.search(words) or _FINAL.search(words))


def _of_words(text, subject, failed, returned):
    words = folded_text(text)
    is_late = says(DELAY, subject) or STILL_TRYING.search(words) or (_LATER.search(words) and not _FINAL.search(words))
    found = addresses(failed) or re.findall(r"[\w.+=-]{1,64}@[\w-]+(?:\.[\w-]+)+", words[:_TEXT_MAX])[:1]
    line = next((line for line in text[:_TEXT_MAX].splitlines() if _FINAL.search(line) or _LATER.search(line)), "")
    return Automatic(
        DELAYED if is_late and not failed else FAILURE,
        "report",
        found[0].lower() if found else "",
        " ".join(line.split())[:_REASON_MAX],
        returned,
    )


def folded_text(text):
    """The beginning of a text as the patterns of `automatic_words` are written, line by line joined."""
    return " ".join(folded(text[start : start + 500]) for start in range(0, min(len(text), _TEXT_MAX), 500))


def _returned_id(parts, text):
    """The Message-ID of the mail that came back: of the mail or its headers in the report, else quoted in the text."""
    for part in parts:
        if part.media_type in _RETURNED:
            found = _MESSAGE_ID.search(_text_of(part))
            if found:
                return found[1]
    found = _MESSAGE_ID.search(text[: _TEXT_MAX * 5])
    return found[1] if found else ""


def _address(value):
    found = addresses(value)
    return found[0] if found else value.strip("<> ").lower()[:320] if "@" in value else ""
