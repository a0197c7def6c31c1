"""Files that old mail programs write into the text itself, between “begin 644 name” and “end” (uuencode)."""

import binascii
import re

_FILE = re.compile(
    r"^begin [0-7]{3,4} (?P<name>\S[^\n]{0,200})\n(?P<lines>(?>(?:[!-_][ -`]{0,90}\n)*))(?:[ `]*\n)?end[ \t]*(?:\n|\Z)",
    re.MULTILINE,
)


def without_uu_files(text: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Return (the text without them, [(name, content)]); what is not whole, to the byte, is text."""
    files = []

    def take(found):
        content = _decoded(found["lines"])
        if not content:
            return found[0]
        files.append((found["name"], content))
        return ""

    return (_FILE.sub(take, text), files) if "begin " in text else (text, files)


def _decoded(lines):
    """The bytes, None when a line is no line of such a file."""
    try:
        return b"".join(map(_decoded_line, lines.encode("ascii").split(b"\n")[:-1]))
    except (binascii.Error, ValueError):
        return None


def _decoded_line(line):
    """The first character says how many bytes a line holds; blanks at its end may have been lost on the way."""
    needed = 1 + ((line[0] - 32) % 64 + 2) // 3 * 4
    if not needed - 4 < len(line) <= needed + 1:  # some programs add a sum
        raise ValueError(line)
    return binascii.a2b_uu(line[:needed])
