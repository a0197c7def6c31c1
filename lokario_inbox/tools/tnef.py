"""What a winmail.dat holds (TNEF, [MS-OXTNEF]): files, and the body of a mail that has no other.

Written here because the library for it, tnefparse 1.4.0, believes the counts that a file names: forty bytes of a
stranger keep it busy for hours. Every step below consumes bytes or ends.
"""

import contextlib
import mimetypes
from dataclasses import dataclass

import compressed_rtf
from striprtf.striprtf import rtf_to_text

from .mime_text import clean, decode_bytes

MIMETYPES = ("application/ms-tnef", "application/vnd.ms-tnef")
FILES_MAX = 1000
RTF_MAX = 256 * 1024  # bytes of a compressed body that are read
DEPTH_MAX = 3  # mails attached to attached mails
_SIGNATURE = b"\x78\x9f\x3e\x22"
_MESSAGE_OBJECT = bytes.fromhex("0703020000000000c000000000000046")  # IID_IMessage: an attached mail
_BODY, _PROPERTIES, _CODEPAGE = 0x0002800C, 0x00069003, 0x00069007
_NEXT_FILE, _FILE_TITLE, _FILE_DATA, _FILE_PROPERTIES = 0x00069002, 0x00018010, 0x0006800F, 0x00069005
_TEXT_BODY, _HTML_BODY, _HTML_CODEPAGE, _RTF_BODY = 0x1000, 0x1013, 0x3FDE, 0x1009
_CONTENT, _SHORT_NAME, _LONG_NAME, _CONTENT_TYPE, _CONTENT_ID = 0x3701, 0x3704, 0x3707, 0x370E, 0x3712
_MULTIPLE, _NAMED = 0x1000, 0x8000
_SIZES = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 10: 4, 11: 4, 20: 8, 64: 8, 72: 16}  # bytes of MAPI types, padded
_STRING, _UNICODE, _OBJECT, _BINARY = 30, 31, 13, 258


@dataclass(frozen=True)
class TnefFile:
    name: str
    mimetype: str
    content: bytes
    content_id: str = ""


@dataclass(frozen=True)
class Tnef:
    """``text`` and ``html`` are the body as the sender's program wrote it, not sanitised; "" without one."""

    files: tuple = ()
    text: str = ""
    html: str = ""


def is_tnef(name, mimetype):
    """Decide by type or name; some servers send it as a nameless kind of file."""
    return mimetype in MIMETYPES or name.lower() == "winmail.dat"


def read_tnef(data, depth=0):
    """Read what can be read of a TNEF file (bytes); nonsense holds nothing. Never raises."""
    if not data.startswith(_SIGNATURE) or depth > DEPTH_MAX:
        return Tnef()
    codepage, text, properties, files = "", b"", {}, []
    for kind, value in _attributes(data):
        if kind == _CODEPAGE:
            codepage = _charset(value)
        elif kind == _BODY:
            text = value
        elif kind == _PROPERTIES:
            properties = _mapi(value)
        elif kind == _NEXT_FILE and len(files) < FILES_MAX:
            files.append({})
        elif files and kind in (_FILE_TITLE, _FILE_DATA):
            files[-1][kind] = value
        elif files and kind == _FILE_PROPERTIES:
            files[-1].update(_mapi(value))
    plain = _text((_STRING, text), codepage) or _text(properties.get(_TEXT_BODY), codepage)
    html = _text(properties.get(_HTML_BODY), _html_charset(properties) or codepage)
    return Tnef(
        files=tuple(found for file in files for found in _read_file(file, codepage, depth))[:FILES_MAX],
        text=plain if plain or html else _rtf_text(properties.get(_RTF_BODY)),
        html=html,
    )


def _rtf_text(value):
    """The words of a body in compressed RTF ([MS-OXRTFCP]), "" for what cannot be read."""
    _kind, data = value or (_BINARY, b"")
    if not data or len(data) > RTF_MAX:
        return ""
    try:
        rtf = compressed_rtf.decompress(data).decode("latin-1")
        return clean(rtf_to_text(rtf[: RTF_MAX * 4], errors="replace")).strip()
    except Exception:  # noqa: BLE001  both libraries raise anything on hostile input
        return ""


def _attributes(data):
    """Yield (id, value) of every attribute: level, id, length, value, checksum; the last one may be cut."""
    offset = len(_SIGNATURE) + 2
    while offset + 9 <= len(data):
        kind = int.from_bytes(data[offset + 1 : offset + 5], "little")
        start = offset + 9
        end = start + int.from_bytes(data[offset + 5 : start], "little")
        yield kind, data[start:end]
        offset = end + 2


def _read_file(file, codepage, depth):
    """The TnefFile of an attachment; of an attached mail its words, as a file, and its files."""
    _type, content = file.get(_CONTENT, (_BINARY, file.get(_FILE_DATA, b"")))
    if content.startswith(_MESSAGE_OBJECT):
        return _read_attached(read_tnef(content[len(_MESSAGE_OBJECT) :], depth + 1), file, codepage)
    name = (
        _text(file.get(_LONG_NAME), codepage)
        or _text(file.get(_SHORT_NAME), codepage)
        or _text((_STRING, file.get(_FILE_TITLE, b"")), codepage)
    )
    kind = _text(file.get(_CONTENT_TYPE), codepage).lower() or mimetypes.guess_type(name)[0]
    content_id = _text(file.get(_CONTENT_ID), codepage).strip("<> ")
    return (TnefFile(name, kind or "application/octet-stream", content, content_id),)


def _read_attached(mail, file, codepage):
    title = _text((_STRING, file.get(_FILE_TITLE, b"")), codepage) or "message"
    words = [("txt", "text/plain", mail.text), ("html", "text/html", mail.html)]
    bodies = [TnefFile(f"{title}.{end}", kind, text.encode()) for end, kind, text in words if text]
    return (*bodies[:1], *mail.files)


def _text(value, charset):
    """Text of a (MAPI type, bytes), "" for None."""
    kind, data = value or (_STRING, b"")
    text = data.decode("utf-16-le", "replace") if kind == _UNICODE else decode_bytes(data, charset)
    return clean(text).strip()


def _charset(value):
    number = int.from_bytes(value[:4], "little")
    return {28591: "iso-8859-1", 20866: "koi8-r"}.get(number, f"cp{number}")


def _html_charset(properties):
    _kind, value = properties.get(_HTML_CODEPAGE, (0, b""))
    return _charset(value) if value else ""


# === MAPI PROPERTIES === #


def _mapi(data):
    """{property id: (MAPI type, first value)} of a property list, as far as it can be read."""
    found, cursor = {}, _Cursor(data)
    with contextlib.suppress(_Cut):
        for _number in range(cursor.number()):
            head = cursor.number()
            kind, name = head & 0xFFFF, head >> 16
            if name >= _NAMED:
                _skip_name(cursor)
            values = _values(cursor, kind)
            found.setdefault(name, (kind & ~_MULTIPLE, values[0] if values else b""))
    return found


def _skip_name(cursor):
    cursor.take(16)
    is_text = cursor.number()
    if is_text:
        cursor.padded(cursor.number())
    else:
        cursor.number()


def _values(cursor, kind):
    single = kind & ~_MULTIPLE
    has_length = single in (_STRING, _UNICODE, _OBJECT, _BINARY)
    if not has_length and single not in _SIZES:
        raise _Cut  # where the next property begins is unknown
    count = cursor.number() if has_length or kind & _MULTIPLE else 1
    return [cursor.padded(cursor.number()) if has_length else cursor.take(_SIZES[single]) for _value in range(count)]


class _Cut(Exception):
    """The data ends before what it announces."""


class _Cursor:
    """Reads forwards; every read consumes bytes or raises _Cut."""

    def __init__(self, data):
        self._data, self._offset = data, 0

    def take(self, size):
        start, self._offset = self._offset, self._offset + size
        if self._offset > len(self._data):
            raise _Cut
        return self._data[start : self._offset]

    def number(self):
        return int.from_bytes(self.take(4), "little")

    def padded(self, size):
        """Values end at a multiple of four bytes; the last one may lack its padding."""
        value = self.take(size)
        self._offset = min(self._offset + -size % 4, len(self._data))
        return value
