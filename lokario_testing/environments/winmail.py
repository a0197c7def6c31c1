"""Writes winmail.dat files as Outlook does ([MS-OXTNEF]): what a mail program has to look into."""

import struct

import compressed_rtf

_MESSAGE_OBJECT = bytes.fromhex("0703020000000000c000000000000046")
_UNICODE, _BINARY, _OBJECT, _LONG = 0x1F, 0x102, 0x0D, 0x03


def tnef(*files, html=None, text=None, rtf=None):
    """``files``: what ``file`` and ``attached_mail`` return; ``html``, ``text`` and ``rtf``: the body."""
    body = _attribute(1, 0x00069007, struct.pack("<II", 1252, 0))
    if text is not None:
        body += _attribute(1, 0x0002800C, text.encode("cp1252") + b"\0")
    if html is not None:
        properties = [_property(_LONG, 0x3FDE, 65001), _property(_BINARY, 0x1013, html.encode())]
        body += _attribute(1, 0x00069003, _list(_named_property(), *properties))
    if rtf is not None:
        compressed = _property(_BINARY, 0x1009, compressed_rtf.compress(rtf.encode("ascii")))
        body += _attribute(1, 0x00069003, _list(_named_property(), compressed))
    return struct.pack("<IH", 0x223E9F78, 7) + body + b"".join(files)


def file(name, content):
    """An attachment with its long name in Unicode and an old short one."""
    return (
        _attribute(2, 0x00069002, bytes(14))
        + _attribute(2, 0x00018010, b"SHORT~1.DAT\0")
        + _attribute(2, 0x0006800F, content)
        + _attribute(2, 0x00069005, _list(_property(_UNICODE, 0x3707, (name + "\0").encode("utf-16-le"))))
    )


def attached_mail(inner):
    """A mail attached to the mail: ``inner`` is a whole TNEF file."""
    properties = _list(_property(_OBJECT, 0x3701, _MESSAGE_OBJECT + inner))
    return _attribute(2, 0x00069002, bytes(14)) + _attribute(2, 0x00069005, properties)


def counts_without_end():
    """Forty bytes that promise four thousand million values of a property."""
    properties = b"\xff\xff\xff\xff\x02\x10\x01\x00\xff\xff\xff\xff"
    return struct.pack("<IH", 0x223E9F78, 7) + _attribute(1, 0x00069003, properties)


def _attribute(level, kind, data):
    return struct.pack("<BII", level, kind, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def _list(*properties):
    return struct.pack("<I", len(properties)) + b"".join(properties)


def _property(kind, name, value):
    head = struct.pack("<HH", kind, name)
    if kind == _LONG:
        return head + struct.pack("<I", value)
    return head + struct.pack("<II", 1, len(value)) + value + bytes(-len(value) % 4)


def _named_property():
    """One with a GUID and a name, as Outlook writes many: to be skipped."""
    name = "Keywords\0".encode("utf-16-le")
    return (
        struct.pack("<HH", _LONG, 0x8001) + bytes(16) + struct.pack("<II", 1, len(name)) + name
        + bytes(-len(name) % 4) + struct.pack("<I", 1)
    )  # fmt: skip
