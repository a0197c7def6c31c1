"""One mail as the inbox stores it; tolerant of everything seen in the wild."""

import email.utils
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from ..exceptions import UnreadableMail
from .automatic_mail import read_message
from .mail_addresses import addresses, bare_addresses, joined, pairs
from .mail_part import MailPart, read_mail
from .message_ids import parse_ids, written_ids
from .mime_html import sanitise, to_text
from .mime_parts import collect
from .mime_text import clean, decode_bytes, decode_field, unescape_bytes

HEADERS_MAX = 64 * 1024
ODD_LINES_MAX = 3  # more of them are the words of a mail without an empty line
BODY_MAX = 1_000_000  # characters of plain text kept
PREVIEW_LENGTH = 140
REFERENCES_MAX = 20_000  # characters of identifiers kept
_ORDINARY_HEADER = re.compile(rb"((?>(?:[!-9;-~]+:[^\r\n]*+\r?\n(?>(?:[ \t][^\r\n]*+\r?\n)*))+))\r?\n")
_HEADER_FIELD = re.compile(r"([!-9;-~]+):(.*(?:\r?\n[ \t].*)*)")
_BLANK_BEFORE_COLON = re.compile(rb"(?m)^([!-9;-~]+)[ \t]+:")
# marks of a file, and of a mailbox in one file
_KNOWN = (
    rb"(?i:from|to|cc|subject|date|message-id|mime-version|content-[a-z-]+|received|return-path|reply-to|sender|in-reply-to"
    rb"|references|delivered-to|dkim-signature|authentication-results|arc-[a-z-]+|list-[a-z-]+|x-[a-z-]+)[ \t]*:"
)
_KNOWN_FIELD = re.compile(_KNOWN)
_BEFORE_FIELDS = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:(?:[ \t]*\r?\n){1,20}(?=" + _KNOWN + rb"))?(?:>?From [^\s:][^\r\n]*\r?\n)?"
)
_DOUBLED_END = re.compile(rb"[!-9;-~]+:[^\r\n]*\r\r\n")
_NO_FIELD = re.compile(rb"(?m)^(?![!-9;-~]+:|[ \t]|\r?$)")
_ODD_ZONE = re.compile(r"(?:\b(?:GMT|UTC))?(?<![\d:])([+-]\d\d):?(\d\d)\b")
_YEARS_SINCE_1900 = re.compile(r"(?<=[a-z] )1\d\d(?= \d)")  # RFC 5322 4.3
_ISO_DATE = re.compile(r"\s*\d{4}-\d\d-\d\d[T ]")


@dataclass(frozen=True)
class Mail:
    """What one message row holds. Texts are clean Unicode, dates naive UTC."""

    identity: str
    message_id: str = ""
    in_reply_to: str = ""
    references: str = ""
    subject: str = ""
    email_from: str = ""
    from_address: str = ""
    email_to: str = ""
    email_cc: str = ""
    reply_to: str = ""
    date_header: object = None
    body_text: str = ""
    body_html: str = ""
    preview: str = ""
    size: int = 0
    auto_submitted: str = ""
    list_id: str = ""
    precedence: str = ""
    return_path: str = ""
    headers: str = ""
    automatic_kind: str = ""
    report_address: str = ""
    report_reason: str = ""
    returned_ref: str = ""
    attachments: tuple = ()


def parse_mail(raw):
    """Parse a whole mail (bytes). Raises UnreadableMail with a reason for people."""
    try:
        message = parse_structure(without_odd_fields(raw))
        bodies, attachments = collect(message)
    except RecursionError as err:
        raise UnreadableMail("The parts of this mail are nested too deeply.") from err
    return _mail(hashlib.sha256(raw).hexdigest(), len(raw), message, raw_header(raw), bodies, attachments)


def parse_structure(raw):
    """The mail as the email package sees it; what has no parts is taken apart as a whole, not line by line."""
    ordinary = _ORDINARY_HEADER.match(raw)
    if ordinary:
        message = MailPart()
        for name, value in _HEADER_FIELD.findall(ordinary[1].decode("ascii", "surrogateescape")):
            message.set_raw(name, value.lstrip(" \t").rstrip("\r\n"))
        if not message.media_type.startswith(("multipart/", "message/")):
            message.set_payload(raw[ordinary.end() :].decode("ascii", "surrogateescape"))
            return message
    return read_mail(raw)


def without_odd_fields(raw):
    """The mail without what stands before its first field, without blanks before colons (RFC 5322 4.5), and without
    lines among its fields that are none.
    """
    if _ORDINARY_HEADER.match(raw):
        return raw
    raw = raw[_BEFORE_FIELDS.match(raw).end() :]
    if _DOUBLED_END.match(raw):  # what a gateway makes of line ends that it does not know
        raw = raw.replace(b"\r\r\n", b"\r\n")
    header = raw_header(raw)
    mended = _BLANK_BEFORE_COLON.sub(rb"\1:", header)
    if _NO_FIELD.search(mended):
        mended = _fields_alone(mended)
    return raw if mended == header else mended + raw[len(header) :]


def _fields_alone(header):
    """A header without the lines that are no fields, as far as well-known fields follow them: the rest is text."""
    lines = header.split(b"\n")
    end = max((place for place, line in enumerate(lines) if _KNOWN_FIELD.match(line)), default=-1) + 1
    odd = [place for place, line in enumerate(lines[:end]) if _NO_FIELD.match(line)]
    if 0 in odd or len(odd) > ODD_LINES_MAX:
        return header
    return b"\n".join(line for place, line in enumerate(lines) if place not in odd)


def raw_header(raw):
    """The header block of a mail, without the empty line."""
    found = re.search(rb"\r?\n\r?\n", raw[: 4 * HEADERS_MAX])
    return raw[: found.start()] if found else raw[:HEADERS_MAX]


def parse_partial(header, size, bodies, attachments):
    """A mail too big to be downloaded whole: header bytes, decoded (plain, html) and parts."""
    message = read_mail(without_odd_fields(header))
    digest = hashlib.sha256(b"partial\0%d\0" % size + header).hexdigest()
    return _mail(digest, size, message, header, bodies, attachments)


def _mail(identity, size, message, header, bodies, attachments):
    body = _body_values(*bodies)
    return Mail(
        identity=identity,
        size=size,
        attachments=tuple(attachments),
        **_header_values(message, header),
        **body,
        **_kind_values(message, body["body_text"]),
    )


def _header_values(message, header):
    fields, label = {}, None if header.isascii() else _charset(message)
    for name, value in message.raw_items():  # message[...] would replace 8-bit characters
        fields.setdefault(name.lower(), []).append(unescape_bytes(value, label))

    def get(name):
        return decode_field(fields.get(name.lower(), [""])[0])

    def all_of(name):
        return ", ".join(filter(None, map(decode_field, fields.get(name.lower(), ()))))

    def people(name):
        values = fields.get(name.lower(), ())
        found = pairs(*values)
        return found, joined(found) or all_of(name)

    sender, email_from = people("From")
    if not email_from:
        sender, email_from = people("Sender")
    return dict(
        message_id=first_id(get("Message-ID")),
        in_reply_to=" ".join(written_ids(get("In-Reply-To"))[:20])[:20_000] or first_id(get("In-Reply-To")),
        references=" ".join(_newest(dict.fromkeys(written_ids(all_of("References"))))),
        subject=get("Subject")[:2000],
        email_from=email_from[:1000],
        from_address=sender[0][1].lower() if sender else bare_address(email_from),
        email_to=people("To")[1],
        email_cc=people("Cc")[1],
        reply_to=people("Reply-To")[1][:1000],
        date_header=parse_date(get("Date")),
        auto_submitted=get("Auto-Submitted")[:200],
        list_id=(get("List-Id") or ("yes" if get("List-Unsubscribe") else ""))[:500],
        precedence=get("Precedence")[:100].lower(),
        return_path=get("Return-Path")[:500],
        headers=decode_bytes(header[:HEADERS_MAX]),
    )


def _charset(message):
    """What the mail's parts name first: 8-bit bytes in its header are mostly of the same."""
    return next(filter(None, (part.parameter("charset") for part in islice(message.walk(), 20))), None)


def first_id(text):
    """The Message-ID in a header; a bare one gets brackets, whatever it is."""
    bare = text.strip().strip("<>")
    found = written_ids(text) or ([f"<{bare}>"] if bare and " " not in bare else [])
    return found[0][:990] if found else ""


def _newest(ids):
    """Identifiers of a References field, without those in the middle of an endless one; the last are the newest."""
    kept, room = [], REFERENCES_MAX
    for message_id in reversed(ids):
        room -= len(message_id) + 1
        if room < 0:
            break
        kept.append(message_id)
    return kept[::-1]


def bare_address(text):
    """The address in a From field, lower case; "" when there is none."""
    found = addresses(text) or bare_addresses(text)[-1:]
    return found[0].lower()[:320] if found else ""


def parse_date(text):
    """Date header as naive UTC, None when it is nonsense."""
    text = _YEARS_SINCE_1900.sub(lambda year: str(1900 + int(year[0])), text)
    text = _ODD_ZONE.sub(r"\1\2", text).replace(":60 ", ":59 ")
    try:
        is_iso = _ISO_DATE.match(text)
        date = datetime.fromisoformat(text.strip()) if is_iso else email.utils.parsedate_to_datetime(text)
        if date.tzinfo:
            date = date.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return date if 1970 <= date.year <= 2200 else None


def _body_values(plain, markup):
    plain = plain[:BODY_MAX]
    safe = sanitise(markup) if markup else ""
    text = plain if plain.strip() or not markup else to_text(markup)[:BODY_MAX]
    words = _without_quotes(text)[:4000].split(maxsplit=PREVIEW_LENGTH // 2 + 1)  # each takes two characters at least
    preview = " ".join(words)[:PREVIEW_LENGTH]
    return dict(body_text=text, body_html=safe, preview=preview)


def _kind_values(message, text):
    """Who wrote it, a person or a machine, and what a delivery report says."""
    found = read_message(message, text)
    return dict(
        automatic_kind=found.kind,
        report_address=clean(found.address)[:320],
        report_reason=clean(found.reason)[:500],
        returned_ref=(parse_ids(found.returned_id) or ("",))[0],
    )


def _without_quotes(text):
    kept = re.sub(r"(?m)^>.*\n?", "", text[:8000]) if ">" in text else text
    return kept if kept.strip() else text
