"""Build the messages of one campaign chunk, as the bytes that follow SMTP's DATA.

What is equal for all recipients is encoded once; Python's EmailMessage builds about 850 messages a
second here, which would make it, not the network, the speed of a campaign.

Bodies are quoted-printable (RFC 2045 §6.7). Each personal value stands between soft line breaks, so that
the literal text around it can be encoded beforehand, whatever the value's length.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from typing import NamedTuple

MAX_LINE = 70  # characters of a value that stays on one line; RFC 2045 allows 76 with the soft break
SOFT_BREAK = "=\r\n"
MAX_ENCODED_WORD = 45  # bytes of text in one RFC 2047 word, so that it stays below 75 characters
_LONG_WORD = re.compile(r"[^ ]{900}")  # which no line has room for (RFC 5322, 2.1.1)
_PLAIN = re.compile(r"[\x20-\x7e]*")
_SPECIAL = re.compile(r'[()<>@,;:\\".\[\]]')


class Recipient(NamedTuple):
    """One addressee: `sender` is the envelope sender (VERP), `message_id` without brackets."""

    key: int
    address: str
    sender: str
    message_id: str
    unsubscribe_url: str
    to_name: str = ""


@dataclass(frozen=True)
class CampaignHeaders:
    """What every message of a chunk carries.

    feedback_id: Gmail's `campaign:tenant:type:sender` (support.google.com 6254652). list_id: empty for mail that is no
    list's, which gets no header of lists.
    """

    vmta: str
    job: str
    from_name: str
    from_email: str
    reply_to: str
    feedback_id: str
    list_id: str = ""
    unsubscribe_mailto: str = ""


class MessageBuilder:
    """Build the messages of one rendered template: `fit` it once, then `build` each."""

    def __init__(self, headers: CampaignHeaders, boundary: str, now: float | None = None):
        lines = [
            f"X-Virtual-MTA: {headers.vmta}",
            f"X-Job: {headers.job}",
            f"From: {mailbox(headers.from_name, headers.from_email)}",
            f"Date: {formatdate(now, usegmt=True)}",
            "MIME-Version: 1.0",
            f'Content-Type: multipart/alternative; boundary="{boundary}"',
            f"Feedback-ID: {headers.feedback_id}",
        ]
        unsubscribe = "%.0s"
        if headers.list_id:
            lines += [f"List-Id: <{headers.list_id}>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"]
            mailto = f", <mailto:{headers.unsubscribe_mailto}>" if headers.unsubscribe_mailto else ""
            unsubscribe = f"\r\nList-Unsubscribe: <%s>{_literal(mailto)}"
        if headers.reply_to:
            lines.append(f"Reply-To: <{headers.reply_to}>")
        own = ("To: %s", "Subject: %s", f"Message-ID: <%s>{unsubscribe}")
        self._head = "\r\n".join((*map(_literal, lines), *own)) + "\r\n"
        self._boundary = boundary
        self._shapes = self._subject = self._format = self._holes = None

    def fit(self, shapes):
        """Take the `Shape`s of subject, HTML and text as the template of the messages built from now on."""
        if shapes == self._shapes:
            return
        self._shapes = shapes
        self._subject, html, text = shapes
        parts = self._part("plain", text) + self._part("html", html)
        self._format = f"{self._head}{parts}\r\n--{self._boundary}--"
        self._holes = text.holes + html.holes

    def _part(self, kind, shape):
        head = f"\r\n--{self._boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
        head += "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        pieces = [_literal(_open_ended(literal)) for literal in shape.literals]
        for index, piece in enumerate(pieces[:-1]):
            pieces[index] = piece + (SOFT_BREAK if piece and not piece.endswith("\n") else "")
        return head + f"%s{SOFT_BREAK}".join(pieces)

    def build(self, recipient: Recipient, values) -> bytes:
        """The message that goes with a row of rendered values: dot-stuffed, ended by CRLF.CRLF."""
        encoded = [_encoded(value) for value in values]
        message = self._format % (
            mailbox(recipient.to_name, recipient.address),
            encoded_words(self._subject.fill(values)),
            recipient.message_id,
            recipient.unsubscribe_url,
            *[encoded[hole] for hole in self._holes],
        )
        return message.encode().replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n"


def _literal(text):
    return text.replace("%", "%%")


def _encoded(value):
    if len(value) <= MAX_LINE and value.isascii() and value.isprintable() and "=" not in value:
        return value
    return _open_ended(value)


def _open_ended(text):
    """Quoted-printable of a text that goes on: its last line has room for a soft break."""
    return quoted_printable(text + "x")[:-1]


def quoted_printable(text: str) -> str:
    """Body in quoted-printable with CRLF line ends."""
    data = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    return binascii.b2a_qp(data, istext=True).replace(b"\n", b"\r\n").decode()


def mailbox(name: str, address: str) -> str:
    """`Name <address>` with the name encoded or quoted as needed."""
    name = " ".join(name.split())
    if not name:
        return f"<{address}>"
    return f"{_phrase(name)} <{address}>"


@lru_cache(maxsize=1000)
def _phrase(name):
    if not _PLAIN.fullmatch(name) or "=?" in name:
        return encoded_words(name)
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' if _SPECIAL.search(name) else name


def encoded_words(text: str) -> str:
    """RFC 2047: ASCII text as it is (folded when long), anything else in UTF-8 words."""
    if _PLAIN.fullmatch(text) and "=?" not in text and not _LONG_WORD.search(text):
        return _folded(text) if len(text) > 70 else text
    words, current = [], b""
    for char in text:
        data = char.encode("utf-8", "replace")
        if len(current) + len(data) > MAX_ENCODED_WORD:
            words.append(current)
            current = b""
        current += data
    words.append(current)
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(word).decode()}?=" for word in words)


def _folded(text):
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + len(word) > 70:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    lines.append(line)
    return "\r\n ".join(lines)
