"""The parts of a mail: which of them people read as its text, which are files."""

import html
import re
from dataclasses import dataclass, replace
from urllib.parse import unquote

from asn1crypto import cms

from ..exceptions import UnreadableMail
from .charsets import label_of_html
from .flowed_text import unflowed
from .mail_part import MailPart, read_mail
from .mime_text import clean, decode_bytes, decode_field, decode_transfer, is_base64
from .tnef import Tnef, is_tnef, read_tnef
from .uu_files import without_uu_files

_CID = re.compile(r"cid:([^\"'\s<>)]+)", re.IGNORECASE)
_HIDING = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)  # turn "exe.pdf" round, or have no shape
_BOUNDARY = re.compile(rb"^--([^\s-][^\r\n]{0,70}?|-{1,20}[^\r\n]{1,70}?)[ \t]*\r?$", re.MULTILINE)
_OPENING = re.compile(rb"^--([^\r\n]{1,200}?)[ \t]*\r?\n(?=Content-[A-Za-z-]{1,40}:)", re.MULTILINE | re.IGNORECASE)
_MARKUP = re.compile(r"</?[A-Za-z-]{1,30}>")

PLAIN = {"text/plain", "text/enriched", "text/richtext", "text/markdown", "text/x-markdown"}
HTML = {"text/html", "application/xhtml+xml"}
ALTERNATIVES = {"text/x-amp-html", "text/watch-html"}  # the same words for other programs
SIGNED = {"application/pkcs7-mime", "application/x-pkcs7-mime"}
NAME_MAX = 200  # characters of a file's name
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

    The body of a winmail.dat is taken where the mail has no other; texts that are files are read where it has no words.
    """
    words, named, attachments, unpacked, label = _Words(), [], [], Tnef(), ""
    for part, number, is_alternative in leaves(message):
        if is_alternative and _says_it_again(part, words.plain or words.markup):
            continue
        kind = body_kind(part)
        label = label or part.parameter("charset")  # 8-bit names of files are mostly of the same
        if kind == "plain":
            text, files = without_uu_files(_part_text(part))
            words.add_plain(text, is_alternative)
            attachments += _uu_attachments(files, number, len(attachments))
        elif kind == "html":
            words.add_html(_part_text(part), is_alternative)
        else:
            named += [(part, is_alternative)] if _is_readable(part) else []
            attachments.append(_attachment(part, number, len(attachments), label))
            if is_tnef(attachments[-1].name, attachments[-1].mimetype) and attachments[-1].content:
                unpacked = read_tnef(attachments[-1].content)
                attachments += files_inside(unpacked, number)
    for part, is_alternative in () if words.are_any() else named:  # some programs name the words themselves
        add = words.add_html if part.media_type in HTML else words.add_plain
        add(_part_text(part), is_alternative)
    bodies = "\n".join(words.plain), "\n".join(words.markup)
    if not "".join(bodies).strip():
        bodies = unpacked.text, unpacked.html
    return bodies, shown_inline(attachments, bodies[1])


class _Words:
    """The two forms of what people read. Each holds everything, whichever form its parts came in; no plain text at all
    where a part came in HTML alone: it is made of the HTML then.
    """

    def __init__(self):
        self.plain, self.markup, self._is_html_alone = [], [], False

    def are_any(self):
        return bool("".join((*self.plain, *self.markup)).strip())

    def add_plain(self, text, is_alternative):
        is_more = not is_alternative and bool(self.markup) and bool(text.strip())
        if is_more:
            self.markup.append(_as_html(text))
            self._is_html_alone |= not "".join(self.plain).strip()
        if not (is_more and self._is_html_alone):
            self.plain.append(text)

    def add_html(self, markup, is_alternative):
        is_more = not is_alternative and bool(markup.strip())
        if is_more and not self.markup and "".join(self.plain).strip():
            self.markup.append(_as_html("\n".join(self.plain)))
        if is_more and self.markup:
            self.plain, self._is_html_alone = [], True
        self.markup.append(markup)


def _uu_attachments(files, number, index):
    """Files written into a text as attachments; ``part`` is the number of the text, “#u” and their own."""
    return [
        Part(
            name=attachment_name(name, "application/octet-stream", index + place),
            mimetype="application/octet-stream",
            size=len(content),
            content=content,
            part=f"{number}#u{place}",
        )
        for place, (name, content) in enumerate(files)
    ]


def _says_it_again(part, has_words):
    """Whether a part among alternatives holds the same words for other programs."""
    is_odd = part.media_type in ALTERNATIVES or part.media_type in PLAIN - {"text/plain"}
    return is_odd and bool(has_words or part.media_type in ALTERNATIVES) and part.disposition != "attachment"


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


def leaves(message):
    """Yield (part, IMAP number, stands among alternatives), without recursion."""
    stack = [(message, "", 0, False)]
    seen = 0
    while stack:
        part, number, depth, is_alternative = stack.pop()
        seen += 1
        if seen > PARTS_MAX or depth > DEPTH_MAX:
            raise UnreadableMail("This mail has too many or too deeply nested parts.")
        inside = parts_of(part)
        if inside is None:
            yield part, number or "1", is_alternative
            if signed := _signed_content(part):  # the words are inside the signature
                stack.append((read_mail(signed), f"{number or '1'}#", depth + 1, is_alternative))
            continue
        inner = is_alternative or part.get_content_subtype() == "alternative"
        children = enumerate(inside, 1)
        stack.extend(
            reversed([(child, f"{number}.{index}".lstrip("."), depth + 1, inner) for index, child in children])
        )


def parts_of(part):
    """The parts of a container, None for a leaf. One that was encoded, or whose boundary is another one, is opened."""
    if not part.media_type.startswith("multipart/"):
        return None
    if part.children is not None:
        return part.children
    data = decode_transfer(part.payload_bytes, part.encoding)
    is_named = part.encoding not in ("base64", "quoted-printable") and part.get_boundary()  # it stands nowhere, then
    found = (_OPENING if is_named else _BOUNDARY).search(data) if part.waiting is None else None
    if not found:
        return None
    boundary = found[1].replace(b'"', b"")
    return read_mail(b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n' % boundary + data).children


def _signed_content(part):
    """The mail in an opaque S/MIME signature (RFC 8551 3.5.2); None for anything else, and for what is encrypted."""
    if part.media_type not in SIGNED or part.waiting is not None:
        return None
    try:
        content = cms.ContentInfo.load(content_of(part))
        if content["content_type"].native != "signed_data":
            return None
        return content["content"]["encap_content_info"]["content"].native
    except (ValueError, TypeError, KeyError, AttributeError):  # it only says so
        return None


def _as_html(text):
    return "<p>" + html.escape(text).replace("\n", "<br>") + "</p>"


def body_kind(part):
    """ "plain" or "html" for a part that people read as the body, else None."""
    media_type = part.media_type
    if media_type.startswith("multipart/"):
        return "plain"  # a container that holds no part: its raw text is all there is
    if media_type not in PLAIN | HTML or part.disposition == "attachment" or _file_name(part):
        return None
    return "html" if media_type in HTML else "plain"


def _is_readable(part):
    """Whether a file is a text that its sender wants shown, and that is here."""
    return part.media_type in PLAIN | HTML and part.disposition != "attachment" and part.waiting is None


def _part_text(part):
    data, label = content_of(part), part.parameter("charset")
    if part.encoding == "base64" and not is_base64(part.payload_bytes):
        data = part.payload_bytes
    media_type = part.media_type
    if media_type in HTML and (label.lower() in ("", "us-ascii", "ascii")):
        label = label_of_html(data)
    text = decode_bytes(data, label)
    if media_type in ("text/enriched", "text/richtext"):
        return _MARKUP.sub("", text)
    if media_type == "text/plain" and part.parameter("format").lower() == "flowed":
        return unflowed(text, del_sp=part.parameter("delsp").lower() == "yes")
    return text


def content_of(part: MailPart) -> bytes:
    """The decoded bytes of a part; a mail that is attached is the bytes that it was sent as."""
    if part.children is not None:  # a delivery status, taken apart by the email package
        return b"\r\n".join(child.as_bytes(policy=child.policy.clone(mangle_from_=False)) for child in part.children)
    return decode_transfer(part.payload_bytes, part.encoding)


def _attachment(part, number, index, label):
    is_waiting = part.waiting is not None
    data = None if is_waiting else content_of(part)
    content_id = decode_field(part.raw_field("content-id")).strip("<> ")
    return Part(
        name=attachment_name(_file_name(part, label), part.media_type, index),
        mimetype=part.media_type[:100],
        size=part.waiting if is_waiting else len(data),
        content=data,
        content_id=content_id[:500],
        is_inline=bool(content_id) and part.disposition != "attachment",
        part=number,
    )


def _file_name(part, label=None):
    """The name a part gives itself, in any of the ways that mailers write it."""
    return part.parameter("filename", "content-disposition", label) or part.parameter("name", label=label)


_NAMES = {"message/rfc822": "message.eml", "text/calendar": "invite.ics", "application/ms-tnef": "winmail.dat"}


def attachment_name(name, content_type, index):
    """A file name without path or control characters; one is made up when there is none."""
    name = _HIDING.sub("", clean(name)).replace("\n", " ").replace("\\", "/").rsplit("/", 1)[-1].strip(" .")
    if name:
        ending = re.search(r"(?:\.\w{1,10})?$", name)[0]
        return name if len(name) <= NAME_MAX else name[: NAME_MAX - len(ending)] + ending
    if content_type in _NAMES:
        return _NAMES[content_type]
    return f"part-{index + 1}.{re.sub(r'[^a-z0-9]', '', content_type.rsplit('/', 1)[-1])[:8] or 'bin'}"
