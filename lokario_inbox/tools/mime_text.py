"""Bytes of a mail to text, whatever the sender claims: charsets, encoded words, transfer encodings."""

import base64
import binascii
import re
from itertools import takewhile

from . import charsets

_ASCII_CONTROL = bytes({*range(32), 0x7F} - {*b"\t\n\r"})
_RARE = (*map(chr, _ASCII_CONTROL), "\ufffe", "\uffff")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_NOT_BASE64 = re.sub(rb"[A-Za-z0-9+/=]", b"", bytes(range(256)))
_ENCODED_WORD = re.compile(r"=\?([^?\s=]+)\?([bqBQ])\?((?>(?:[^?=]|=(?!\?[^=])|\?(?!=))*))\?=")  # to the next
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")  # "exe.pdf" round: in a line nobody needs them
_FOLD = re.compile(r"[\r\n]+[ \t]*")
# a soft line break with the blanks that gateways put behind it (RFC 2045 6.7, transport padding)
_PADDING = re.compile(rb"=(?:[ \t]|\r[ \t\r])")
_PADDED_BREAK = re.compile(rb"=(?!\r?\n)[ \t\r]*?(\r?)(?=\n|\Z)")


def decode_bytes(data, charset=None):
    """Text of ``data`` that PostgreSQL and XML can hold; never an error."""
    return clean(charsets.decode(data, charset))


def clean(text):
    """What PostgreSQL and XML can hold: no control characters, no surrogates, ``\\n`` line ends."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():  # several times faster than looking for one of many characters
        return text.encode().translate(None, _ASCII_CONTROL).decode()
    return _CONTROL.sub("", text) if _has_surrogates(text) or any(map(text.__contains__, _RARE)) else text


def _has_surrogates(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def decode_field(value):
    """A header value as people read it, one line: unfolded, then words and 8-bit bytes decoded. Never raises."""
    if not value:
        return ""
    text = unescape_bytes(str(value))
    if "\n" in text or "\r" in text:
        text = _FOLD.sub(" ", text)
    if "=?" in text:
        text = _decode_words(text)
    text = clean(text).replace("\n", " ")
    return (text if text.isascii() else _TURNING.sub("", text)).strip()


def unescape_bytes(value, label=None):
    """The email package keeps raw 8-bit header bytes as surrogates: decode them; ``label``: if they are no UTF-8."""
    if value.isascii() and "\x1b" not in value:
        return value
    data = value.encode("utf-8", "surrogateescape")
    try:
        return decode_bytes(data) if "\x1b" in value else clean(data.decode())
    except UnicodeDecodeError:
        return decode_bytes(data, label)


def _decode_words(text):
    """RFC 2047: blanks between two encoded words are none; a character may be cut between two of one charset."""
    pieces, position, pending, pending_charset = [], 0, b"", None
    for word in _ENCODED_WORD.finditer(text):
        gap, position = text[position : word.start()], word.end()
        charset, data = word[1].partition("*")[0].lower(), _decode_word(word[2], word[3])
        if gap.strip() or charset != pending_charset:
            pieces.append(decode_bytes(pending, pending_charset))
            pending = b""
        if gap.strip() or pending_charset is None:
            pieces.append(gap)
        pending, pending_charset = pending + data, charset
    pieces += (decode_bytes(pending, pending_charset), text[position:])
    return "".join(pieces)


def _decode_word(encoding, payload):
    data = payload.encode("utf-8", "replace")
    return decode_base64(data) if encoding in "bB" else binascii.a2b_qp(data, header=True)


def decode_base64(data):
    """Base64 as mailers send it: foreign characters skipped, missing padding forgiven, blocks one after another."""
    bare = data.translate(None, _NOT_BASE64).rstrip(b"=")
    if b"=" not in bare:
        return _decode_block(bare)
    return b"".join(map(_decode_block, filter(None, _blocks(data))))


def _decode_block(bare):
    if len(bare) % 4 == 1:
        bare = bare[:-1]
    return binascii.a2b_base64(bare + b"=" * (-len(bare) % 4))


def _blocks(data):
    """Each up to its padding; behind the first one ends what is no base64: a list's footer in plain text."""
    open_, is_first = [], True
    for line in data.split(b"\n"):
        line, footer, _words = line.strip().partition(b"= ")
        bare = line.translate(None, _NOT_BASE64)
        if not is_first and len(bare) < len(line):
            break
        *ended, rest = (bare + footer.strip()).split(b"=")
        for piece in ended:
            yield b"".join([*open_, piece])
            open_, is_first = [], False
        open_.append(rest)
        if footer:
            break
    yield b"".join(open_)


def is_base64(data):
    """Whether a text that is said to be base64 may be: a line of words has blanks and marks, and does not decode."""
    line = data[:2000].lstrip().partition(b"\n")[0].strip()
    if (len(line) - len(line.translate(None, _NOT_BASE64))) * 10 <= len(line):
        return True
    try:
        return decode_base64(line).decode().isprintable()
    except UnicodeDecodeError:
        return False


def decode_transfer(data, encoding):
    """Undo the Content-Transfer-Encoding; an unknown or wrong one leaves the bytes as they are."""
    found = re.match(r"[\s\"']*([a-z0-9-]+)", (encoding or "").lower())
    encoding = found[1] if found else ""
    if encoding == "base64":
        return decode_base64(data)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(_PADDED_BREAK.sub(rb"=\1", data) if _PADDING.search(data) else data)
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
