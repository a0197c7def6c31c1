"""A mail as a tree of parts whose structured fields are read as their grammar says (RFC 2045 5.1, 2183, 2231).

The same tree is made of a whole mail and of what a server says of a big one (`body_structure`): what a mail contains is
decided by one code (`mime_parts`).
"""

import email
import email.message
import email.policy
import re
from functools import lru_cache, partial
from urllib.parse import unquote_to_bytes

from .mail_addresses import restored, without_comments
from .mime_text import decode_bytes, decode_field, unescape_bytes

_QUOTED = re.compile("\x00(\\d+)\x00")
_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+")
_MORE = re.compile(r"(?<![\s,])[\s,]++(?=[\w*-]+\s*=)")  # between two parameters whose semicolon is missing
_PIECE = re.compile(r"(\d+)(\*?)")
_ENCODINGS = {"quotedprintable": "quoted-printable", "qp": "quoted-printable", "xbase64": "base64", "base64": "base64"}
_TYPES = {"text": "text/plain", "plain": "text/plain", "html": "text/html", "text/htm": "text/html"}
_PARAMETERS_MAX = 200


@lru_cache(maxsize=2048)
def read_field(value: str) -> tuple[str, dict]:
    """Return (what stands before the parameters, {lower case name: value}) of a structured field, without comments.

    >>> read_field('text/html (a page) charset="utf-8"')
    ('text/html', {'charset': 'utf-8'})
    """
    text, strings = without_comments(value)
    pieces = [piece for segment in text.split(";") for piece in _MORE.split(segment)]
    head = "" if "=" in pieces[0] else pieces.pop(0)
    parameters = {}
    for piece in pieces[:_PARAMETERS_MAX]:
        name, found, bare = piece.partition("=")
        quoted = _QUOTED.search(bare)
        if found:
            text = re.sub(r'\\(["\\])', r"\1", strings[int(quoted[1])]) if quoted else bare.strip()
            parameters.setdefault(name.strip().lower(), text)
    return " ".join(restored(head, strings).split()), parameters


def parameter(parameters: dict, name: str, label: str | None = None) -> str:
    """Return the decoded value of a parameter in whichever way it was written: RFC 2231, encoded words, raw bytes.

    ``label``: the character set of raw bytes that are no UTF-8.
    """
    pieces = {}
    for key, value in parameters.items():
        found = _PIECE.fullmatch(key[len(name) + 1 :]) if key.startswith(f"{name}*") else None
        if found and len(found[1]) < 5:
            pieces[int(found[1])] = (value, bool(found[2]))
    if pieces:
        return _joined([pieces[number] for number in sorted(pieces)])
    if f"{name}*" in parameters:
        return _joined([(parameters[f"{name}*"], True)])
    return decode_field(unescape_bytes(parameters.get(name, ""), label))


def _joined(pieces):
    charset, data = None, b""
    if pieces[0][1] and pieces[0][0].count("'") >= 2:
        charset, _language, rest = pieces[0][0].split("'", 2)
        pieces = [(rest, True), *pieces[1:]]
    for value, is_encoded in pieces:
        raw = value.encode("utf-8", "surrogateescape")
        data += unquote_to_bytes(raw) if is_encoded else raw
    text = decode_bytes(data, charset)
    return decode_field(text) if "=?" in text else text


class MailPart(email.message.Message):
    """A part, or the whole mail. ``waiting``: bytes once decoded of one that is still at the server, else None."""

    def __init__(self, policy=email.policy.compat32):
        super().__init__(policy)
        self.waiting = None

    def raw_field(self, name: str) -> str:
        """The first field of that name as it was written, 8-bit bytes as surrogates."""
        for key, value in self.raw_items():
            if key.lower() == name:
                return str(value)
        return ""

    @property
    def media_type(self):
        """``text/html``; what it is where it stands when nothing readable is said."""
        value, parameters = read_field(self.raw_field("content-type"))
        value = value.lower().replace(" /", "/").replace("/ ", "/")
        found = _TYPE.match(_TYPES.get(value, value))
        if not (found or value) and "boundary" in parameters:
            return "multipart/mixed"
        return found[0] if found else self.get_default_type()

    @property
    def encoding(self):
        value = read_field(self.raw_field("content-transfer-encoding"))[0].lower()
        return _ENCODINGS.get(re.sub(r"[\s_-]", "", value), value)

    @property
    def disposition(self):
        """ "attachment", "inline", "" or what else is said."""
        value = read_field(self.raw_field("content-disposition"))[0].lower()
        return "" if "=" in value else value

    def parameter(self, name: str, field: str = "content-type", label: str | None = None) -> str:
        return parameter(read_field(self.raw_field(field))[1], name, label)

    def get_content_type(self):
        return self.media_type

    def get_content_maintype(self):
        """Not "message" for a mail that is attached: it stays the bytes that it is, and is no tree of parts."""
        main = self.media_type.partition("/")[0]
        return "application" if main == "message" and self.media_type != "message/delivery-status" else main

    def get_content_subtype(self):
        return self.media_type.partition("/")[2]

    def get_boundary(self, failobj=None):
        """As its bytes stand in the body, whatever they mean."""
        raw = read_field(self.raw_field("content-type"))[1].get("boundary", "")
        return (raw if raw and not raw.isascii() else self.parameter("boundary")).rstrip() or failobj

    @property
    def children(self):
        """The parts of a container, None for a leaf; get_payload() would guess a charset."""
        return self._payload if isinstance(self._payload, list) else None

    @property
    def payload_bytes(self):
        """The bytes of a leaf as they came."""
        return (self._payload or "").encode("utf-8", "surrogateescape") if self.children is None else b""


read_mail = partial(email.message_from_bytes, _class=MailPart, policy=email.policy.compat32)
