"""One outgoing mail as bytes: the same input always gives the same bytes, so that every retry is the same mail.

RFC 5322 (headers, 3.6.4 for References), RFC 2045-2047 and 2231 (MIME), RFC 2046 5.1.4 (alternative), 2387 (related).
The `email` package's newer policies encode long Message-IDs of References as words, which breaks threads: headers are
therefore folded by the compat32 policy, which leaves them alone.
"""

import base64
import hashlib
import re
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import charset as email_charset
from email import encoders
from email.generator import BytesGenerator
from email.header import Header
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.utils import format_datetime, formataddr
from io import BytesIO
from urllib.parse import quote

CRLF = "\r\n"
LINE_MAX = 900  # characters of a word that may stand in a line; RFC 5322 2.1.1 allows lines of 998
ADDRESS_MAX = 320
MAX_REFERENCES = 200  # identifiers; a longer chain keeps its first and its last ones
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]| {50,}")
_FILETIME_EPOCH = 116444736000000000  # 1970-01-01 in 100 ns steps since 1601 (MS-OXOMSG 2.2.1.3)


class BadAddress(ValueError):
    """An address that cannot be put into a header; the text is the address."""


@dataclass(frozen=True)
class Part:
    """A file of the mail. content_id: set for a picture that the HTML shows as cid:…"""

    name: str
    mimetype: str
    content: bytes
    content_id: str = ""


@dataclass(frozen=True)
class OutgoingMail:
    """Addresses are (name, address) pairs; identifiers carry their angle brackets; date is naive UTC.

    calendar: the answer to an invitation, which calendars take from beside the text (RFC 6047 2.4).
    """

    message_id: str
    sender: tuple[str, str]
    to: tuple[tuple[str, str], ...]
    subject: str
    text: str
    html: str
    date: datetime
    cc: tuple[tuple[str, str], ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    thread_index: str = ""
    parts: tuple[Part, ...] = ()
    calendar: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def build(mail: OutgoingMail) -> bytes:
    """Return the mail with CRLF line ends. Bcc is no header: it is in the envelope only."""
    root = _with_attachments(_body(mail), mail.parts)
    for name, value in _headers(mail):
        root[name] = value
    _name_boundaries(root, mail.message_id)
    buffer = BytesIO()
    BytesGenerator(buffer, mangle_from_=False, maxheaderlen=0).flatten(root, linesep="\r\n")
    return buffer.getvalue()


def chain(references: tuple[str, ...], parent_id: str, parent_reply_to: str = "") -> tuple[str, ...]:
    """Return the References of an answer (RFC 5322 3.6.4): the parent's, else its In-Reply-To, then the parent."""
    before = references or ((parent_reply_to,) if parent_reply_to else ())
    ids = tuple(dict.fromkeys([*before, parent_id] if parent_id else before))
    if parent_id and ids[-1] != parent_id:  # a parent that quotes itself stays last
        ids = (*(item for item in ids if item != parent_id), parent_id)
    return ids if len(ids) <= MAX_REFERENCES else ids[:10] + ids[10 - MAX_REFERENCES :]


def thread_index(parent: str, seed: str, moment: datetime) -> str:
    """Return the Thread-Index of a mail (MS-OXOMSG 2.2.1.3): a child block after the parent's, or a header block."""
    ticks = round(moment.replace(tzinfo=UTC).timestamp()) * 10_000_000 + _FILETIME_EPOCH
    try:
        block = base64.b64decode(parent, validate=True)
    except ValueError:
        block = b""
    if len(block) < 22:
        guid = hashlib.sha256(seed.encode()).digest()[:16]
        return base64.b64encode(struct.pack(">Q", ticks)[:6] + guid).decode()
    started = struct.unpack(">Q", block[:6] + b"\0\0")[0]
    elapsed = max(0, ticks - started)
    far = elapsed >> 49 > 0  # more than about 1.7 years: a coarser unit
    delta = (elapsed >> 23 if far else elapsed >> 18) & 0x7FFFFFFF
    return base64.b64encode(block + struct.pack(">I", delta | far << 31) + b"\0").decode()


def _headers(mail):
    yield "Date", format_datetime(mail.date.replace(tzinfo=UTC))
    yield "From", _addresses("From", (mail.sender,))
    yield "To", _addresses("To", mail.to)
    if mail.cc:
        yield "Cc", _addresses("Cc", mail.cc)
    yield "Subject", _encoded(mail.subject, "Subject")
    yield "Message-ID", _identifier(mail.message_id)
    if _is_identifier(mail.in_reply_to):
        yield "In-Reply-To", mail.in_reply_to
    if references := list(filter(_is_identifier, mail.references)):
        yield "References", "\r\n ".join(references)
    if mail.thread_index:
        yield "Thread-Index", mail.thread_index
    for name, value in sorted(mail.headers.items()):
        yield name, _encoded(value, name)


def _is_identifier(value: str) -> bool:
    """Whether a Message-ID of others can stand in a header as it is; one that cannot is left out."""
    return bool(re.fullmatch(r"<[!-;=?-~]{1,990}>", value))


def _identifier(value: str) -> str:
    if not _is_identifier(value):
        raise ValueError(f"Not a Message-ID: {value[:80]!r}")
    return value


def _encoded(value: str, name: str) -> str:
    clean = _UNSAFE.sub(" ", value)
    if clean.isascii() and "=?" not in clean and all(len(word) < LINE_MAX for word in clean.split(" ")):
        return "\r\n ".join(_folded(clean, 76 - len(name)))
    return Header(clean, "utf-8", header_name=name, maxlinelen=75).encode(linesep="\r\n")


def _folded(text: str, first: int):
    """Cut at blanks, so that no line is longer than 76 characters where the words allow it."""
    line, room = "", first
    for word in re.split(r" (?=\S)", text):
        if line and len(line) + 1 + len(word) > room:
            yield line
            line, room = word, 76
        else:
            line = f"{line} {word}" if line else word
    yield line


def _addresses(name: str, pairs) -> str:
    return (",\r\n ").join(_address(*pair) for pair in pairs)


def _address(name: str, address: str) -> str:
    local, at, domain = _UNSAFE.sub("", address).strip().rpartition("@")
    if (
        not (local and at and domain and local.isascii())
        or len(address) > ADDRESS_MAX
        or re.search(r"[\s<>,;:\"()\[\]\\]", local + domain)
    ):
        raise BadAddress(address)
    try:
        bare = f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError as err:
        raise BadAddress(address) from err
    clean = _UNSAFE.sub(" ", name or "").strip()
    if clean.isascii() and "=?" not in clean and len(clean) < LINE_MAX // 2:
        return formataddr((clean, bare))
    encoded = Header(clean, "utf-8", maxlinelen=75).encode(linesep=CRLF)
    blank = " " if len(encoded) + len(bare) < 70 else f"{CRLF} "
    return f"{encoded}{blank}<{bare}>"


def _body(mail):
    alternative = MIMEMultipart("alternative")
    alternative.attach(_text(mail.text, "plain"))
    html = _text(mail.html, "html")
    pictures = [part for part in mail.parts if part.content_id]
    if pictures:
        related = MIMEMultipart("related", type="text/html")
        related.attach(html)
        for part in pictures:
            related.attach(_file(part))
        html = related
    alternative.attach(html)
    if mail.calendar:
        alternative.attach(_calendar(mail.calendar))
    for part in alternative.walk():
        del part["MIME-Version"]
    return alternative


def _text(text: str, subtype: str):
    """Quoted-printable with CRLF kept as line ends: survives every relay and stays readable."""
    utf8 = email_charset.Charset("utf-8")
    utf8.body_encoding = email_charset.QP
    part = MIMENonMultipart("text", subtype, charset="utf-8")
    part.set_payload("\n".join(text.splitlines()) + "\n", utf8)
    return part


def _calendar(content: bytes):
    part = MIMEBase("text", "calendar", method="REPLY", charset="utf-8")
    part.set_payload(content)
    encoders.encode_base64(part)
    return part


def _with_attachments(body, parts):
    files = [part for part in parts if not part.content_id]
    if not files:
        body["MIME-Version"] = "1.0"
        return body
    mixed = MIMEMultipart("mixed")
    mixed.attach(body)
    for part in files:
        mixed.attach(_file(part))
    return mixed


def _file(part: Part):
    maintype, _slash, subtype = part.mimetype.partition("/")
    if maintype in ("multipart", "message") or not subtype or not re.fullmatch(r"[\w.+-]+/[\w.+-]+", part.mimetype):
        maintype, subtype = "application", "octet-stream"
    item = MIMEBase(maintype, subtype)
    item.set_payload(part.content)
    encoders.encode_base64(item)
    del item["MIME-Version"]
    disposition = "inline" if part.content_id else "attachment"
    names = _file_name(_UNSAFE.sub(" ", part.name) or "file")
    item["Content-Disposition"] = (f";{CRLF} " if len(names) > 1 else "; ").join([disposition, *names])
    if part.content_id:
        item["Content-ID"] = _identifier(f"<{part.content_id}>")
    return item


def _file_name(name: str) -> list[str]:
    """The parameters that name a file: plain, or percent-encoded and in pieces (RFC 2231)."""
    if name.isascii() and name.isprintable() and len(name) <= 200:
        return ['filename="' + re.sub(r'(["\\])', r"\\\1", name) + '"']
    encoded = "utf-8''" + quote(name, safe="")
    pieces = re.findall(r"(?:%..|[^%]){1,18}", encoded)  # at most 54 characters
    if len(encoded) <= 200:  # some mail programs know no pieces
        return [f"filename*={encoded}"]
    return [f"filename*{index}*={piece}" for index, piece in enumerate(pieces)]


def _name_boundaries(root, message_id: str):
    for index, part in enumerate(item for item in root.walk() if item.is_multipart()):
        digest = hashlib.sha256(f"{message_id}/{index}".encode()).hexdigest()[:24]
        part.set_boundary(f"=_lokario_{digest}")
