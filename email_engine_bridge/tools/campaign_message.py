"""Build the messages of one campaign chunk, as the bytes that follow SMTP's DATA.

What is equal for all recipients is encoded once; Python's EmailMessage builds about 850 messages a
second here, which would make it, not the network, the speed of a campaign.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from typing import NamedTuple

MAX_LINE = 990  # characters; RFC 5322 §2.1.1 allows 998
MAX_ENCODED_WORD = 45  # bytes of text in one RFC 2047 word, so that it stays below 75 characters
KINDS = ("plain", "html")
_DOTS = re.compile(rb"^\.", re.MULTILINE)
_PLAIN = re.compile(r"[\x20-\x7e]*")
_SPECIAL = re.compile(r'[()<>@,;:\\".\[\]]')


class Recipient(NamedTuple):
    """One addressee: `sender` is the envelope sender (VERP), `message_id` without brackets."""

    key: int
    address: str
    sender: str
    message_id: str
    unsubscribe_url: str
    subject: str
    html: str
    text: str
    to_name: str = ""


@dataclass(frozen=True)
class CampaignHeaders:
    """What every message of a chunk carries.

    feedback_id: Gmail's `campaign:tenant:type:sender` (support.google.com 6254652).
    """

    vmta: str
    job: str
    from_name: str
    from_email: str
    reply_to: str
    feedback_id: str
    list_id: str
    unsubscribe_mailto: str = ""


class MessageBuilder:
    """`build(recipient)` gives the dot-stuffed message, ended by CRLF.CRLF."""

    def __init__(self, headers: CampaignHeaders, boundary: str, now: float | None = None):
        sender = mailbox(headers.from_name, headers.from_email)
        lines = [
            f"X-Virtual-MTA: {headers.vmta}",
            f"X-Job: {headers.job}",
            f"From: {sender}",
            f"Date: {formatdate(now, usegmt=True)}",
            "MIME-Version: 1.0",
            f'Content-Type: multipart/alternative; boundary="{boundary}"',
            f"Feedback-ID: {headers.feedback_id}",
            f"List-Id: <{headers.list_id}>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        ]
        if headers.reply_to:
            lines.append(f"Reply-To: <{headers.reply_to}>")
        self._mailto = f", <mailto:{headers.unsubscribe_mailto}>" if headers.unsubscribe_mailto else ""
        self._static = ("\r\n".join(lines) + "\r\n").encode()
        self._heads = {kind: f"\r\n--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\n" for kind in KINDS}
        self._end = f"\r\n--{boundary}--\r\n.\r\n".encode()

    def _part(self, kind, text):
        plain = plain_ascii(text)
        if plain is not None:
            return f"{self._heads[kind]}Content-Transfer-Encoding: 7bit\r\n\r\n{plain}".encode()
        head = f"{self._heads[kind]}Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        return head.encode() + quoted_printable(text)

    def build(self, recipient: Recipient) -> bytes:
        own = (
            f"To: {mailbox(recipient.to_name, recipient.address)}\r\n"
            f"Subject: {encoded_words(recipient.subject)}\r\n"
            f"Message-ID: <{recipient.message_id}>\r\n"
            f"List-Unsubscribe: <{recipient.unsubscribe_url}>{self._mailto}\r\n"
        )
        return b"".join(
            (
                self._static,
                own.encode(),
                self._part("plain", recipient.text),
                self._part("html", recipient.html),
                self._end,
            )
        )


def plain_ascii(text: str) -> str | None:
    """The body as it is, with CRLF and dot-stuffed, if it may travel unencoded (7bit, RFC 2045 §2.7)."""
    if not text.isascii() or "\r" in text or "\0" in text:
        return None
    lines = text.split("\n")
    if len(max(lines, key=len)) > MAX_LINE:
        return None
    encoded = "\r\n".join(lines)
    return encoded.replace("\r\n.", "\r\n..") if encoded[:1] != "." else "." + encoded.replace("\r\n.", "\r\n..")


def quoted_printable(text: str) -> bytes:
    """Body in quoted-printable with CRLF line ends, dot-stuffed for SMTP."""
    data = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    encoded = binascii.b2a_qp(data, istext=True).replace(b"\n", b"\r\n")
    return _DOTS.sub(b"..", encoded) if b"\n." in encoded or encoded.startswith(b".") else encoded


def mailbox(name: str, address: str) -> str:
    """`Name <address>` with the name encoded or quoted as needed."""
    name = " ".join(name.split())
    if not name:
        return f"<{address}>"
    return f"{_phrase(name)} <{address}>"


@lru_cache(maxsize=1000)
def _phrase(name):
    if not _PLAIN.fullmatch(name):
        return encoded_words(name)
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' if _SPECIAL.search(name) else name


def encoded_words(text: str) -> str:
    """RFC 2047: ASCII text as it is (folded when long), anything else in UTF-8 words."""
    if _PLAIN.fullmatch(text) and "=?" not in text:
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
