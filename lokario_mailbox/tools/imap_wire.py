"""The IMAP4rev1 wire format (RFC 3501): one server response in, Python values out.

Written here because no maintained client pipelines commands and bounds memory by bytes;
IMAPClient's lexer alone costs five times the whole transfer.
"""

import asyncio
import contextlib
import re

from ..exceptions import ConnectionEnded, NetworkFailure, ServerFault

BUFFER_SIZE = 256 * 1024  # what a connection may hold unread
LINE_MAX = 16 * 1024 * 1024  # SEARCH of a big mailbox is one long line
LITERAL_MAX = 4 * 1024 * 1024
DEPTH_MAX = 200

_OTHERS = (
    rb"|(?P<open>\()|(?P<close>\))|(?P<literal>\x00(\d+)\x00)"
    rb"|(?P<atom>(?:BODY|BINARY)(?:\.[A-Z]+)?\[[^\]\"]{0,200}+\](?:<\d+>)?|[^\s()\"\x00]++|\"[^ ]*+)"
)
_TOKEN = re.compile(rb"\"(?P<quoted>(?>(?:[^\"\\]|\\.)*))\"" + _OTHERS, re.IGNORECASE | re.DOTALL)
_BEHIND_UNCLOSED = re.compile(rb"(?P<quoted>(?!))" + _OTHERS, re.IGNORECASE)
_STATUS = re.compile(rb"(\*) (OK|NO|BAD|BYE|PREAUTH)(?: (.*))?$", re.IGNORECASE | re.DOTALL)
_LITERAL_AT_END = re.compile(rb"\{(\d+)\+?\}$")
_TOO_MUCH = "The server sent more than was asked for."
_RUN = re.compile(r"(\d{1,19})(?::(\d{1,19}))?", re.ASCII)
_UNSAFE_IN_NAME = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_BYTE = 0xF700  # private characters U+F780 to U+F7FF: the bytes of a folder's name that are no UTF-8


async def read_response(reader, count=lambda size: None):
    """Read one whole response: (line, literals), each literal replaced by ``\\0index\\0``.

    ``count`` gets every byte received. Raises NetworkFailure on a cut, ConnectionEnded on what is too big.
    """
    parts, literals = [], []
    while True:
        line = await _read_line(reader)
        count(len(line) + 2)
        found = _LITERAL_AT_END.search(line)
        if not found:
            parts.append(line)
            return b"".join(parts), literals
        size = int(found[1])
        if size > LITERAL_MAX:
            raise ConnectionEnded(_TOO_MUCH)
        parts.append(line[: found.start()] + b"\0%d\0" % len(literals))
        literals.append(await reader.readexactly(size))
        count(size)


async def _read_line(reader):
    chunks, size = [], 0
    while True:
        try:
            chunks.append(await reader.readuntil(b"\n"))
            return b"".join(chunks).rstrip(b"\r\n").replace(b"\0", b"")
        except asyncio.LimitOverrunError as err:  # longer than the buffer: take it in pieces
            chunks.append(await reader.readexactly(err.consumed))
            size += err.consumed
            if size > LINE_MAX:
                raise ConnectionEnded(_TOO_MUCH) from err
        except asyncio.IncompleteReadError as err:
            raise NetworkFailure("The server cut the connection.") from err


def parse(line, literals):
    """Turn a response line into nested lists of bytes, None for NIL.

    >>> parse(b'* 1 FETCH (UID 7 FLAGS (\\\\Seen))', [])
    [b'*', b'1', b'FETCH', [b'UID', b'7', b'FLAGS', [b'\\\\Seen']]]

    What a server says to people after OK, NO, BAD, BYE is one text, never data (RFC 9051 7.1).
    """
    status = _STATUS.match(line)
    if status:
        return [status[1], status[2].upper(), status[3] or b""]
    stack = [[]]
    for match in _tokens(line):
        _push(stack, match, literals)
    if len(stack) != 1:
        raise ServerFault("The server's answer is not IMAP.")
    return stack[0]


def _tokens(line):
    """A quotation mark that is not closed begins a word, and so does every one behind it: each is looked at once."""
    for match in _TOKEN.finditer(line):
        if (match["atom"] or b"").startswith(b'"'):
            yield from _BEHIND_UNCLOSED.finditer(line, match.start())
            return
        yield match


def _push(stack, match, literals):
    if match["open"]:
        if len(stack) > DEPTH_MAX:
            raise ServerFault("The server's answer is nested too deeply.")
        stack.append([])
    elif match["close"]:
        if len(stack) == 1:
            raise ServerFault("The server's answer is not IMAP.")
        done = stack.pop()
        stack[-1].append(done)
    elif match["literal"]:
        stack[-1].append(literals[int(match[5])])
    elif match["quoted"] is not None:
        stack[-1].append(re.sub(rb"\\(.)", rb"\1", match["quoted"]))
    else:
        atom = match["atom"]
        stack[-1].append(None if atom.upper() == b"NIL" else atom)


def pairs(items):
    """FETCH data items as a dict with upper-case keys: ``[b'UID', b'7']`` -> ``{b'UID': b'7'}``."""
    couples = zip(items[::2], items[1::2], strict=False)
    return {key.upper(): value for key, value in couples if isinstance(key, bytes)}


def number(value, most=2**63 - 1):
    """A number of the server's answer, no greater than ``most``; 0 when it is none."""
    return min(int(value), most) if isinstance(value, bytes) and value.isdigit() and len(value) < 20 else 0


def quote(text):
    """An IMAP quoted string; control characters are refused."""
    if re.search(r"[\r\n\0]", text):
        raise ServerFault("Control characters are not allowed here.")
    return b'"' + _wire_bytes(text).replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def wire_path(name):
    """The name of a folder as text from which ``quote`` makes the same bytes again, whatever they are.

    A folder may be called NIL, which reads as nothing.
    """
    if name is None:
        return "NIL"
    if not isinstance(name, bytes):
        return ""
    text = re.sub(
        r"[\uf780-\uf7ff]+", lambda found: _escaped(found[0].encode()), name.decode("utf-8", "surrogateescape")
    )
    return re.sub(r"[\udc80-\udcff]", lambda found: chr(ord(found[0]) - 0xDC00 + _BYTE), text)


def _escaped(data):
    return "".join(chr(_BYTE + byte) for byte in data)


def _wire_bytes(text):
    return re.sub(r"[\uf780-\uf7ff]", lambda found: chr(ord(found[0]) - _BYTE + 0xDC00), text).encode(
        "utf-8", "surrogateescape"
    )


def format_uids(uids):
    """Compact uid-set, ascending: ``[1, 2, 3, 7]`` -> ``"1:3,7"``."""
    runs = []
    for uid in sorted(set(uids)):
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return ",".join(str(a) if a == b else f"{a}:{b}" for a, b in runs)


def parse_uids(text, limit=5_000_000):
    """The inverse of format_uids: a list of ints. Raises ServerFault above ``limit`` messages."""
    uids = []
    for run in filter(None, (text or "").split(",")):
        found = _RUN.fullmatch(run)
        if not found:
            raise ServerFault("The server's answer is no list of messages.")
        first, last = sorted((int(found[1]), int(found[2] or found[1])))
        if len(uids) + last - first >= limit:
            raise ServerFault("The server claims more messages than can be true.")
        uids.extend(range(first, last + 1))
    return uids


def decode_mailbox(name):
    """Modified UTF-7 (RFC 3501 5.1.3) of a folder name to text for people; the raw name when it is broken."""

    def block(match):
        if not match[1]:
            return "&"
        data = match[1].replace(",", "/")
        return f"+{data}-".encode("ascii").decode("utf-7")

    text = name.decode("utf-8", "replace")
    with contextlib.suppress(UnicodeError, ValueError):
        text = re.sub(r"&([^-]*)-", block, text)
    return _UNSAFE_IN_NAME.sub("\ufffd", text)
