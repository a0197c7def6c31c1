"""Bytes to text, whatever their sender says they are; one bad byte costs one character, nothing is an error.

Labels are those of the WHATWG's Encoding standard (webencodings), which browsers use, with the supersets that
mailers mean when they write the name of a smaller set.
"""

import codecs
import re
from functools import lru_cache

import webencodings

# what the standard's table does not know (seen in real mail)
_LABELS = {
    **dict.fromkeys(("unknown", "x-unknown", "unknown-8bit", "default", "binary", "8bit", "none"), "utf-8"),
    **dict.fromkeys(("utf8mb4", "utf-8mb4", "us-ascii", "ascii", "ansi_x3.4-1968"), "utf-8"),
    "ansi": "windows-1252",
    "unicode": "utf-16",
    "cp850": "cp850",
    "cp437": "cp437",
}
_WINDOWS = re.compile(r"win(?:dows)?[-_ ]?(\d{3,4})")
_ALSO = {"cp950": "big5hkscs", "euc_jp": "euc_jis_2004"}  # what mailers from Hong Kong and of Windows put into these
_SUPERSETS = {"gbk": "gb18030", "gb2312": "gb18030", "euc-kr": "cp949", "shift_jis": "cp932", "big5": "cp950"}
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_FORBIDDEN = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
_JIS = re.compile(rb"\x1b(\$[@B]|\([BJI])")
_JIS_DESIGNATED = re.compile(rb"\x1b\$[@B]")
_WESTERN = {"cp1252", "iso8859-15"}
_CESU = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]")
_XML = re.compile(rb"\s*<\?xml[^<>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9_:.-]{1,40})")
_META = re.compile(rb"<meta[^<>]{0,200}?charset\s*+=[\s\"']*+([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_META_WITHIN = 4096  # bytes
_LABEL_MAX = 100  # characters
_ESCAPED = "iso-2022-jp"


def decode(data: bytes, label: str | None = None) -> str:
    """Return the text of ``data``: by its byte order mark, else the label, else what fits: UTF-8 or Windows-1252."""
    for mark, name in _BOMS:
        if data.startswith(mark):
            return _decode(data[len(mark) :], name)
    codec = _codec((label or "")[:_LABEL_MAX])
    if codec in _WESTERN and not data.isascii() and (text := _utf_8(data)):
        return text
    if codec in (None, "utf-8") and _JIS_DESIGNATED.search(data):
        codec = _ESCAPED
    for name in dict.fromkeys(filter(None, (codec, "utf-8"))):
        text = _decode(data, name)
        if _fits(text):
            return text.removesuffix("\ufffd") if name == "utf-8" else text  # its last character is cut
    return _decode(data, "cp1252")


def _utf_8(data):
    """The text of UTF-8 that a program called Western: what is such a text by chance makes no sense to anybody."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def label_of_html(data: bytes) -> str | None:
    """Return the character set that an HTML page names itself; None without."""
    found = _XML.match(data[:_META_WITHIN]) or _META.search(data[:_META_WITHIN])
    label = found[1].decode("ascii").lower() if found else None
    return "utf-8" if label and label.startswith("utf-16") else label  # it could not have been read, then


@lru_cache(maxsize=512)
def _codec(label):
    """The Python codec for a label, None when nothing is known by that name."""
    label = re.split(r"[\s;/]", label.strip().strip("\"'").lower())[0]
    label = _WINDOWS.sub(r"windows-\1", _LABELS.get(label, label))
    encoding = webencodings.lookup(label) if label else None
    if encoding is None:
        return _python_codec(label)
    name = _SUPERSETS.get(encoding.name, encoding.name)
    return name if name in (_ESCAPED, *_SUPERSETS.values()) else encoding.codec_info.name


def _python_codec(label):
    """Some mailers use names that only Python knows (``utf-32``, ``cp850``)."""
    try:
        codec = codecs.lookup(label) if label and label not in _FORBIDDEN else None
    except (LookupError, ValueError, UnicodeError):
        bare = label.replace("-", "").replace("_", "")  # latin-9, cp-850
        return _python_codec(bare) if bare != label else None
    return codec.name if codec and codec._is_text_encoding and codec.name not in _FORBIDDEN else None


def _decode(data, name):
    if name == _ESCAPED:
        return _decode_jis(data)
    if name == "utf-8" and b"\xed" in data:
        data = _CESU.sub(_joined, data)
    if name.startswith("utf-16"):
        name = _utf_16(data, name)
    try:
        text = data.decode(name, "replace")
        if name in _ALSO and "\ufffd" in text:
            return min(text, data.decode(_ALSO[name], "replace"), key=lambda one: one.count("\ufffd"))
        return text
    except (UnicodeError, ValueError, LookupError):  # a codec that does not know "replace"
        return data.decode("cp1252", "replace")


def _utf_16(data, name):
    """Which of the two it is, by where most of its bytes are zeros; what could be ASCII is."""
    if data.isascii() and b"\0" not in data:
        return "utf-8"
    for order, start in (("utf-16-be", 0), ("utf-16-le", 1)):
        if data[start::2].count(0) * 4 > len(data):
            return order
    return name


def _joined(match):
    """Two surrogates, each written as a character of its own (CESU-8), as the one they stand for."""
    return match[0].decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass").decode("utf-16-le").encode()


def _fits(text):
    """Whether at least as many foreign characters came out as were lost."""
    lost = text.count("\ufffd")
    return not lost or lost * 2 <= len(text) - len(text.encode("ascii", "ignore"))


def _decode_jis(data):
    """ISO-2022-JP with what Windows' mailers put into it: NEC's and IBM's characters, half-width katakana."""
    pieces = _JIS.split(data)
    done = [pieces[0].decode("cp932", "replace")]
    for escape, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        if escape[:1] == b"$":
            piece = b"".join(_jis_to_sjis(piece[i : i + 2]) for i in range(0, len(piece), 2))
        elif escape == b"(I":
            piece = bytes(byte | 0x80 if 0x21 <= byte <= 0x5F else byte for byte in piece)
        done.append(piece.decode("cp932", "replace"))
    return "".join(done)


def _jis_to_sjis(pair):
    """Two bytes of JIS X 0208 as Shift_JIS; anything else as it is."""
    if len(pair) < 2 or not all(0x21 <= byte <= 0x7E for byte in pair):
        return pair
    row, cell = pair
    lead = (row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)
    trail = cell + (0x7E if row % 2 == 0 else 0x1F + (cell >= 0x60))
    return bytes((lead, trail))
