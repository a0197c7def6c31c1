"""The parts of a mail: which of them people read as its text, which are files."""

import email
import email.policy
import html
import re
from dataclasses import dataclass, replace
from urllib.parse import unquote

from asn1crypto import cms

from ..exceptions import UnreadableMail
from .charsets import label_of_html
from .flowed_text import unflowed
from .mime_text import clean, decode_bytes, decode_field, decode_transfer, unescape_bytes
from .tnef import Tnef, is_tnef, read_tnef

_MEDIA_TYPE = re.compile(r"\s*([\w!#$&^.+-]+/[\w!#$&^.+-]+)")
_CHARSET = re.compile(r"\bcharset\s*=\s*[\"']?\s*([^\s\"';()]+)", re.IGNORECASE)

_CID = re.compile(r"cid:([^\"'\s<>)]+)", re.IGNORECASE)
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # turn "exe.pdf" round

DEPTH_MAX = 60
PARTS_MAX = 2000


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


def collect(message):
    """((plain, html), attachments) of a parsed message, in reading order.

    The body of a winmail.dat is taken where the mail has no other.
    """
    plain, markup, attachments, unpacked = [], [], [], Tnef()
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
            if is_tnef(attachments[-1].name, attachments[-1].mimetype):
                unpacked = read_tnef(attachments[-1].content)
                attachments += files_inside(unpacked, number)
    bodies = "\n".join(plain), "\n".join(markup)
    if not "".join(bodies).strip():
        bodies = unpacked.text, unpacked.html
    return bodies, shown_inline(attachments, bodies[1])


def shown_inline(attachments, markup):
    """The attachments, of which only those are inline that the HTML shows: others would be seen nowhere."""
    shown = {unquote(name).lower() for name in _CID.findall(markup)}
    return [replace(part, is_inline=part.is_inline and part.content_id.lower() in shown) for part in attachments]


def files_inside(unpacked, number):
    """The files of a Tnef as attachments; ``part`` is the number of the winmail.dat, “#” and their own."""
    return [
        Part(
            name=attachment_name(file.name, file.mimetype, index),
            mimetype=file.mimetype[:100],
            size=len(file.content),
            content=file.content,
            content_id=file.content_id[:500],
            part=f"{number}#{index}",
        )
        for index, file in enumerate(unpacked.files)
    ]


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
            if signed := _signed_content(part):  # the words are inside the signature
                inside = email.message_from_bytes(signed, policy=email.policy.compat32)
                stack.append((inside, f"{number or '1'}#", depth + 1, is_alternative))
            continue
        inner = is_alternative or part.get_content_subtype() == "alternative"
        children = enumerate(part.get_payload(), 1)
        stack.extend(
            reversed([(child, f"{number}.{index}".lstrip("."), depth + 1, inner) for index, child in children])
        )


def _signed_content(part):
    """The mail in an opaque S/MIME signature (RFC 8551 3.5.2); None for anything else, and for what is encrypted."""
    if media_type(part) not in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
        return None
    try:
        content = cms.ContentInfo.load(_part_bytes(part))
        if content["content_type"].native != "signed_data":
            return None
        return content["content"]["encap_content_info"]["content"].native
    except (ValueError, TypeError, KeyError, AttributeError):  # it only says so
        return None


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
    content_type = media_type(part)
    if content_type.startswith("multipart/") and not part.is_multipart():
        return "plain"  # a container that holds no part: its raw text is all there is
    if content_type not in ("text/plain", "text/html") or part.is_multipart():
        return None
    disposition = unescape_bytes(str(part.get("Content-Disposition") or "")).strip().lower()
    if disposition.startswith("attachment") or _file_name(part):
        return None
    return "html" if content_type == "text/html" else "plain"


def _part_text(part):
    data, label = _part_bytes(part), _charset(part)
    if not label and media_type(part) == "text/html":
        label = label_of_html(data)
    text = decode_bytes(data, label)
    if media_type(part) == "text/plain" and _parameter(part, "format").lower() == "flowed":
        return unflowed(text, del_sp=_parameter(part, "delsp").lower() == "yes")
    return text


def _parameter(part, name):
    try:
        value = part.get_param(name)
    except (ValueError, IndexError, TypeError):
        value = None
    return value if isinstance(value, str) else ""


def media_type(part):
    """``text/html`` of a Content-Type, whatever stands behind it; what the email package thinks when there is none."""
    found = _MEDIA_TYPE.match(str(part.get("Content-Type") or ""))
    return found[1].lower() if found else part.get_content_type()


def _charset(part):
    try:
        value = part.get_param("charset")
    except (ValueError, IndexError, TypeError):
        value = None
    if isinstance(value, tuple):
        value = value[2]
    if not value:  # a semicolon is missing, say
        found = _CHARSET.search(str(part.get("Content-Type") or ""))
        value = found and found[1]
    return unescape_bytes(value) if value else None


def _part_bytes(part):
    encoding = str(part.get("Content-Transfer-Encoding") or "")
    payload = part._payload  # get_payload() would guess a charset for 8-bit bodies
    if isinstance(payload, list):
        data = b"\r\n".join(child.as_bytes(policy=email.policy.compat32) for child in payload)
        return decode_transfer(data, encoding) if encoding.strip().lower().startswith("base64") else data
    return decode_transfer((payload or "").encode("utf-8", "surrogateescape"), encoding)


def _attachment(part, number, index):
    content_type = media_type(part)
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
    name = _DIRECTION.sub("", clean(name)).replace("\n", " ").replace("\\", "/").rsplit("/", 1)[-1].strip(" .")
    if name:
        return name[:200]
    if content_type in _NAMES:
        return _NAMES[content_type]
    return f"part-{index + 1}.{re.sub(r'[^a-z0-9]', '', content_type.rsplit('/', 1)[-1])[:8] or 'bin'}"
