"""One mail as the inbox stores it; tolerant of everything seen in the wild."""

import email
import email.message
import email.policy
import email.utils
import hashlib
import html
import re
from dataclasses import dataclass, replace
from datetime import UTC

from ..exceptions import UnreadableMail
from .mime_html import sanitise, to_text
from .mime_text import clean, decode_bytes, decode_field, decode_transfer, unescape_bytes

HEADERS_MAX = 64 * 1024
BODY_MAX = 1_000_000  # characters of plain text kept
PREVIEW_LENGTH = 140
DEPTH_MAX = 60
PARTS_MAX = 2000
_ORDINARY_HEADER = re.compile(rb"((?:[!-9;-~]+:[^\r\n]*+\r?\n(?:[ \t][^\r\n]*+\r?\n)*+)++)\r?\n")
_HEADER_FIELD = re.compile(r"([!-9;-~]+):(.*(?:\r?\n[ \t].*)*)")
_MESSAGE_ID = re.compile(r"<[^<>\s]+>")
_PLAIN_ADDRESS = re.compile(r"(?:[^<>\"(),:;@\\]*|\"[^\"\\]*\") ?<([^\s<>\"(),:;@]+@[^\s<>\"(),:;@]+)>")
_BARE_ADDRESS = re.compile(r"[^\s<>\"(),;:]+@[^\s<>\"(),;:]+")


@dataclass(frozen=True)
class Part:
    """An attachment; ``content`` is None when it waits at the server (``part`` = IMAP number)."""

    name: str
    mimetype: str
    size: int
    content: bytes | None
    content_id: str = ""
    is_inline: bool = False
    part: str = ""


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
    attachments: tuple = ()


def parse_mail(raw):
    """Parse a whole mail (bytes). Raises UnreadableMail with a reason for people."""
    try:
        message = parse_structure(raw)
        bodies, attachments = _collect(message)
    except RecursionError as err:
        raise UnreadableMail("The parts of this mail are nested too deeply.") from err
    mail = parse_headers(message, raw_header(raw))
    return replace(
        _with_body(mail, *bodies),
        identity=hashlib.sha256(raw).hexdigest(),
        size=len(raw),
        attachments=tuple(attachments),
    )


def parse_structure(raw):
    """The mail as the email package sees it; what has no parts is taken apart at once, not line by line."""
    ordinary = _ORDINARY_HEADER.match(raw)
    if ordinary:
        message = email.message.Message(policy=email.policy.compat32)
        for name, value in _HEADER_FIELD.findall(ordinary[1].decode("ascii", "surrogateescape")):
            message.set_raw(name, value.lstrip(" \t").rstrip("\r\n"))
        if message.get_content_maintype() not in ("multipart", "message"):
            message.set_payload(raw[ordinary.end() :].decode("ascii", "surrogateescape"))
            return message
    return email.message_from_bytes(raw, policy=email.policy.compat32)


def raw_header(raw):
    """The header block of a mail, without the empty line."""
    found = re.search(rb"\r?\n\r?\n", raw[: 4 * HEADERS_MAX])
    return raw[: found.start()] if found else raw[:HEADERS_MAX]


def parse_partial(header, size, bodies, attachments):
    """A mail too big to be downloaded whole: header bytes, decoded (plain, html) and parts."""
    message = email.message_from_bytes(header, policy=email.policy.compat32)
    mail = _with_body(parse_headers(message, header), *bodies)
    digest = hashlib.sha256(b"partial\0%d\0" % size + header).hexdigest()
    return replace(mail, identity=digest, size=size, attachments=tuple(attachments))


def parse_headers(message, header):
    """The header fields of a mail as a Mail without body."""
    fields = {}
    for name, value in message.raw_items():  # message[...] would replace 8-bit characters
        fields.setdefault(name.lower(), []).append(value)

    def get(name):
        return decode_field(fields.get(name.lower(), [""])[0])

    def all_of(name):
        return ", ".join(filter(None, map(decode_field, fields.get(name.lower(), ()))))

    sender = get("From") or get("Sender")
    return Mail(
        identity="",
        message_id=message_ids(get("Message-ID"), first=True),
        in_reply_to=message_ids(get("In-Reply-To"), first=True),
        references=" ".join(dict.fromkeys(_MESSAGE_ID.findall(all_of("References"))))[:20_000],
        subject=get("Subject")[:2000],
        email_from=sender[:1000],
        from_address=bare_address(sender),
        email_to=all_of("To"),
        email_cc=all_of("Cc"),
        reply_to=get("Reply-To")[:1000],
        date_header=parse_date(get("Date")),
        auto_submitted=get("Auto-Submitted")[:200],
        list_id=(get("List-Id") or ("yes" if get("List-Unsubscribe") else ""))[:500],
        precedence=get("Precedence")[:100].lower(),
        return_path=get("Return-Path")[:500],
        headers=decode_bytes(header[:HEADERS_MAX]),
    )


def message_ids(text, first=False):
    """Message-IDs of a header; a bare one without brackets gets them."""
    found = _MESSAGE_ID.findall(text)
    if not found and text.strip() and " " not in text.strip():
        found = [f"<{text.strip().strip('<>')}>"]
    return (found[0][:990] if found else "") if first else found


def bare_address(text):
    """The address in a From field, lower case; "" when there is none."""
    plain = _PLAIN_ADDRESS.fullmatch(text)
    if plain:
        return plain[1].lower()[:320]
    _name, address = email.utils.parseaddr(text)
    if "@" not in address:
        found = _BARE_ADDRESS.findall(text)
        address = found[-1] if found else ""
    return address.strip().lower()[:320]


def parse_date(text):
    """Date header as naive UTC, None when it is nonsense."""
    try:
        date = email.utils.parsedate_to_datetime(text)
        if date.tzinfo:
            date = date.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return date if 1970 <= date.year <= 2200 else None


def _with_body(mail, plain, markup):
    plain = plain[:BODY_MAX]
    safe = sanitise(markup) if markup else ""
    text = plain if plain.strip() or not markup else to_text(markup)[:BODY_MAX]
    preview = " ".join(_without_quotes(text)[:4000].split())[:PREVIEW_LENGTH]
    return replace(mail, body_text=text, body_html=safe, preview=preview)


def _without_quotes(text):
    kept = re.sub(r"(?m)^>.*\n?", "", text[:8000]) if ">" in text else text
    return kept if kept.strip() else text


# === PARTS === #


def _collect(message):
    """((plain, html), attachments) of a parsed message, in reading order."""
    plain, markup, attachments = [], [], []
    for part, number, is_alternative in _leaves(message):
        kind = _body_kind(part)
        if kind == "plain":
            plain.append(_part_text(part))
        elif kind == "html":
            if not is_alternative and not markup and "".join(plain).strip():
                markup.append(_as_html("\n".join(plain)))  # text, then HTML: the reader shows both
            markup.append(_part_text(part))
        else:
            attachments.append(_attachment(part, number, len(attachments)))
    return ("\n".join(plain), "\n".join(markup)), attachments


def _leaves(message):
    """Yield (part, IMAP number, stands among alternatives), without recursion."""
    stack = [(message, "", 0, False)]
    seen = 0
    while stack:
        part, number, depth, is_alternative = stack.pop()
        seen += 1
        if seen > PARTS_MAX or depth > DEPTH_MAX:
            raise UnreadableMail("This mail has too many or too deeply nested parts.")
        if not _is_container(part):
            yield part, number or "1", is_alternative
            continue
        inner = is_alternative or part.get_content_subtype() == "alternative"
        children = enumerate(part.get_payload(), 1)
        stack.extend(
            reversed([(child, f"{number}.{index}".lstrip("."), depth + 1, inner) for index, child in children])
        )


def _as_html(text):
    return "<p>" + html.escape(text).replace("\n", "<br>") + "</p>"


def _is_container(part):
    return (
        part.is_multipart()
        and part.get_content_type() != "message/rfc822"
        and isinstance(part.get_payload(), list)
        and part.get_content_maintype() == "multipart"
    )


def _body_kind(part):
    """ "plain" or "html" for a part that people read as the body, else None."""
    content_type = part.get_content_type()
    if content_type.startswith("multipart/") and not part.is_multipart():
        return "plain"  # a container that holds no part: its raw text is all there is
    if content_type not in ("text/plain", "text/html") or part.is_multipart():
        return None
    disposition = unescape_bytes(str(part.get("Content-Disposition") or "")).strip().lower()
    if disposition.startswith("attachment") or _file_name(part):
        return None
    return "html" if content_type == "text/html" else "plain"


def _part_text(part):
    return decode_bytes(_part_bytes(part), _charset(part))


def _charset(part):
    try:
        value = part.get_param("charset")
    except (ValueError, IndexError, TypeError):
        return None
    if isinstance(value, tuple):
        value = value[2]
    return unescape_bytes(value) if value else None


def _part_bytes(part):
    payload = part._payload  # get_payload() would guess a charset for 8-bit bodies
    if isinstance(payload, list):
        return b"\r\n".join(child.as_bytes(policy=email.policy.compat32) for child in payload)
    data = (payload or "").encode("utf-8", "surrogateescape")
    return decode_transfer(data, str(part.get("Content-Transfer-Encoding") or ""))


def _attachment(part, number, index):
    content_type = part.get_content_type()
    data = _part_bytes(part)
    content_id = decode_field(part.get("Content-ID")).strip("<> ")
    disposition = str(part.get("Content-Disposition") or "").strip().lower()
    return Part(
        name=attachment_name(_file_name(part), content_type, index),
        mimetype=content_type[:100],
        size=len(data),
        content=data,
        content_id=content_id[:500],
        is_inline=bool(content_id) and not disposition.startswith("attachment"),
        part=number,
    )


def _file_name(part):
    """The name a part gives itself, in any of the ways that mailers write it."""
    for header, parameter in (("content-disposition", "filename"), ("content-type", "name")):
        raw = next((value for name, value in part.raw_items() if name.lower() == header), "")
        if parameter not in raw.lower():
            continue
        if not raw.isascii():
            part.replace_header(header, unescape_bytes(raw))
        try:
            value = part.get_param(parameter, header=header)
        except (ValueError, IndexError, TypeError, LookupError, UnicodeError):
            found = re.search(r'name\*?=\s*"?([^";\r\n]+)', unescape_bytes(raw))
            value = found[1] if found else ""
        if isinstance(value, tuple):  # RFC 2231: (charset, language, value as Latin-1)
            return decode_bytes(value[2].encode("latin-1", "replace"), value[0])
        if value:
            return decode_field(value)
    return ""


_NAMES = {"message/rfc822": "message.eml", "text/calendar": "invite.ics", "application/ms-tnef": "winmail.dat"}


def attachment_name(name, content_type, index):
    """A file name without path or control characters; one is made up when there is none."""
    name = clean(name).replace("\n", " ").replace("\\", "/").rsplit("/", 1)[-1].strip(" .")
    if name:
        return name[:200]
    if content_type in _NAMES:
        return _NAMES[content_type]
    return f"part-{index + 1}.{re.sub(r'[^a-z0-9]', '', content_type.rsplit('/', 1)[-1])[:8] or 'bin'}"
