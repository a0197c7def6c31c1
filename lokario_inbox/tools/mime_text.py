"""Bytes of a mail to text, whatever the sender claims: charsets, encoded words, transfer encodings."""

import base64
import binascii
import codecs
import quopri
import re
from email.header import decode_header
from itertools import takewhile

# What the field writes against what Python calls it (seen in RFC 1345 aliases and real mail).
_ALIASES = {
    "x-unknown": "utf-8",
    "unknown": "utf-8",
    "unknown-8bit": "utf-8",
    "default": "utf-8",
    "utf8mb4": "utf-8",
    "utf-8mb4": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "binary": "utf-8",
    "8bit": "utf-8",
    "ansi_x3.110-1983": "latin-1",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
    "gb2312": "gb18030",
    "x-gbk": "gb18030",
    "gbk": "gb18030",
    "x-sjis": "cp932",
    "shift_jis": "cp932",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "windows-874": "cp874",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "ansi": "cp1252",
}
_FORBIDDEN = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
_ASCII_CONTROL = bytes({*range(32), 0x7F} - {*b"\t\n\r"})
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[bqBQ]\?[^?]*\?=")
_GLUED_WORDS = re.compile(r"(=\?[^?\s]+\?[bqBQ]\?[^?]*\?=)(?==\?)")


def decode_bytes(data, charset=None):
    """Text of ``data``: the declared charset, else UTF-8, else Windows-1252; never an error."""
    name = _ALIASES.get((charset or "").strip().strip("\"'").lower(), (charset or "").strip().lower())
    for candidate in (name, "utf-8"):
        codec = _text_codec(candidate)
        if not codec:
            continue
        try:
            return clean(codec.decode(data)[0])
        except UnicodeDecodeError as err:
            if err.start and len(data) - err.start < 4:  # only the last character is cut
                return clean(codec.decode(data[: err.start], "replace")[0])
        except (UnicodeError, ValueError):
            continue
    return clean(data.decode("cp1252", "replace"))


def _text_codec(name):
    if not name or name in _FORBIDDEN:
        return None
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError, UnicodeError):
        return None
    return codec if codec._is_text_encoding else None


def clean(text):
    """What PostgreSQL and XML can hold: no control characters, no surrogates, ``\\n`` line ends."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():  # ten times faster than looking for one of many characters
        data = text.encode()
        return data.translate(None, _ASCII_CONTROL).decode()
    return _CONTROL.sub("", text) if _CONTROL.search(text) else text


def decode_field(value):
    """A header value as people read it: encoded words decoded, 8-bit bytes guessed, one line."""
    if not value:
        return ""
    text = unescape_bytes(str(value))
    if "=?" in text:
        text = _decode_words(text)
    if "\n" in text or "\r" in text:
        text = re.sub(r"[ \t]*[\r\n]+[ \t]*", " ", text)
    return clean(text).strip()


def unescape_bytes(value):
    """The email package keeps raw 8-bit header bytes as surrogates: decode them."""
    if value.isascii():
        return value
    return decode_bytes(value.encode("utf-8", "surrogateescape"))


def _decode_words(text):
    text = _GLUED_WORDS.sub(r"\1 ", text)  # some mailers forget the blank between two words
    try:
        chunks = decode_header(text)
    except (ValueError, binascii.Error):
        return _ENCODED_WORD.sub(lambda match: _decode_one(match[0]), text)
    pieces = []
    pending, pending_charset = b"", None
    for chunk, charset in chunks:
        data = chunk.encode("utf-8", "surrogateescape") if isinstance(chunk, str) else chunk
        if pending and charset != pending_charset:
            pieces.append(decode_bytes(pending, pending_charset))
            pending = b""
        # A character may be cut between two words of one charset: decode them together.
        pending, pending_charset = pending + data, charset
    pieces.append(decode_bytes(pending, pending_charset))
    return "".join(pieces)


def _decode_one(word):
    _start, charset, encoding, payload, _end = word.split("?")
    if encoding.lower() == "b":
        return decode_bytes(decode_base64(payload.encode("ascii", "ignore")), charset)
    return decode_bytes(quopri.decodestring(payload.encode(), header=True), charset)


def decode_base64(data):
    """Base64 as mailers send it: foreign characters skipped, missing padding forgiven."""
    data = re.sub(rb"[^A-Za-z0-9+/=]", b"", data)
    data = data.split(b"=")[0] if b"=" in data.rstrip(b"=") else data.rstrip(b"=")
    if len(data) % 4 == 1:
        data = data[:-1]
    return binascii.a2b_base64(data + b"=" * (-len(data) % 4))


def decode_transfer(data, encoding):
    """Undo the Content-Transfer-Encoding; an unknown or wrong one leaves the bytes as they are."""
    encoding = (encoding or "").strip().lower()
    if encoding == "base64":
        return decode_base64(data)
    if encoding == "quoted-printable":
        return quopri.decodestring(data)
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        return _decode_uu(data)
    return data


def _decode_uu(data):
    lines = data.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith(b"begin ")), None)
    if start is None:
        return data
    body = takewhile(lambda line: line.strip() not in (b"end", b"`", b""), lines[start + 1 :])
    try:
        return b"".join(map(_decode_uu_line, body))
    except binascii.Error:
        return data


def _decode_uu_line(line):
    """One line; many encoders leave garbage at its end."""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        return binascii.a2b_uu(line[: (((line[0] - 32) & 63) * 4 + 5) // 3])


def encode_content(data):
    """Bytes as Odoo's Binary column holds them."""
    return base64.b64encode(data)
