"""The people in an address header (RFC 5322 3.4): taken apart first, decoded afterwards.

Written here because what `email.utils` answers for the same header depends on Python's patch level (CVE-2023-27043):
Debian 12 and 13 must read the same sender. The address of a person is what stands in the last angle brackets, never
what is written in a name or a comment. One pass over the text, whatever it is.
"""

import re
from functools import lru_cache

from .mime_text import decode_field, unescape_bytes

HEADER_MAX = 100_000  # characters of one header that are read
_NAME_MAX, _ADDRESS_MAX = 300, 320
_OFTEN_MAX = 500  # characters of a header that is remembered
_QUOTED = r'"((?>(?:[^"\\]|\\.)*))"'
_IN_ANGLE = r'"(?>(?:[^"\\]|\\.)*)"|[^">,;]'
_TOKEN = re.compile(
    rf"(?P<quoted>{_QUOTED})|(?P<angle><((?>(?:{_IN_ANGLE})*)(?:,(?=[^<>]*+>)(?>(?:{_IN_ANGLE}|,)*))?)>*+)"
    r"|(?P<open>\()|(?P<end>[,;])|(?P<colon>:)|(?P<text>(?>(?:[^\"<(,;:\[\\]|\[[^\[\]\s]*+\]|\\.)+))|(?P<other>.)",
    re.DOTALL,
)
_STRING_OR_COMMENT = re.compile(r"\"((?>(?:[^\"\\]|\\.)*))\"?|\(|[^\"(]++", re.DOTALL)
_NUMBER = re.compile("\x00(\\d+)\x00")
_COMMENT_PART = re.compile(r"[()]|(?>(?:[^()\\]|\\.)+)|\\", re.DOTALL)
_COMMENT_OR_STRING = re.compile(r"[()]|\"(?>(?:[^\"\\]|\\.)*)\"|(?>(?:[^()\"\\]|\\.)+)|.", re.DOTALL)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_BLANKS = re.compile(r"(\"(?>(?:[^\"\\]|\\.)*)\"?)|\s+", re.DOTALL)  # or a quoted string, which keeps its own
_SPECIAL = re.compile(r"[()<>@,:;\".\\\[\]]")


bare_addresses = re.compile(r"(?<![^\s<>,;:\"()])[^\s<>,;:\"()@]++(?:@[^\s<>,;:\"()@]++)+").findall  # linear
"""Return what looks like an address in any text."""


def pairs(*headers: str | None) -> list[tuple[str, str]]:
    """Return (decoded name, address) of everybody in headers as they were written, encoded words and all.

    >>> pairs("=?utf-8?Q?Dupont=2C_Jean?= <jean@client.com>, info@b.fr")
    [('Dupont, Jean', 'jean@client.com'), ('', 'info@b.fr')]
    """
    found = []
    for header in filter(None, headers):
        before = ""  # a name with a comma without quotes: Dupont, Jean <jean@client.com>
        for name, address in mailboxes(header):
            if "@" not in address:
                before = f"{before}{name or address}, "
            else:
                found.append(((before + name if name else name)[:_NAME_MAX], address[:_ADDRESS_MAX]))
                before = ""
    return found


def mailboxes(header: str) -> list[tuple[str, str]]:
    """The same for one header, with what is no address as its writer wrote it: ``("", "somebody")``."""
    return list((_mailboxes_again if len(header) <= _OFTEN_MAX else _mailboxes)(header))


def _mailboxes(header):
    people, item = [], _Item()
    text = _CONTROL.sub("", unescape_bytes(header)[:HEADER_MAX])
    position, is_closed = 0, True
    while position < len(text):
        token = _TOKEN.match(text, position)
        position = token.end()
        if token["open"] and is_closed:
            end, is_closed = comment_end(text, position)
            if is_closed:  # what is not is a character of the name
                item.comments.append(text[position : end - 1])
                position = end
        elif token["end"]:
            people += item.people()
            item = _Item()
        elif token["colon"]:  # the name of a group
            item = _Item()
        elif token["quoted"] is not None:
            item.words.append(re.sub(r"\\(.)", r"\1", token[2]))
            item.quoted.append(token["quoted"])
        elif token["angle"]:
            item.angles.append(token[4])
        else:
            item.words.append(token[0])
            item.bare.append(token[0])
    return people + item.people()


_mailboxes_again = lru_cache(maxsize=1024)(_mailboxes)  # who reads a mail asks for its author several times


def addresses(*headers: str | None) -> list[str]:
    """Return the bare addresses of header values, lower case, in order.

    >>> addresses("Anna <Anna@client.com>, info@b.fr")
    ['anna@client.com', 'info@b.fr']
    """
    return [address.lower() for _name, address in pairs(*headers)]


def joined(people: list[tuple[str, str]]) -> str:
    """Return people as one header text that reads the same way again."""
    return ", ".join(f"{_quoted_name(name)} <{address}>" if name else address for name, address in people)


def _quoted_name(name):
    return '"' + re.sub(r'(["\\])', r"\\\1", name) + '"' if _SPECIAL.search(name) else name


def comment_end(text: str, position: int, part_of=_COMMENT_PART) -> tuple[int, bool]:
    """Return where a comment that was opened right before ``position`` ends, and whether it is closed; they nest."""
    depth = 1
    while depth and position < len(text):
        part = part_of.match(text, position)
        position = part.end()
        depth += {"(": 1, ")": -1}.get(part[0], 0)
    return position, not depth


def without_comments(text: str, *, has_strings=False) -> tuple[str, list[str]]:
    """Return (a structured field with numbers in place of its quoted strings and without comments, the strings).

    ``has_strings``: what is quoted in a comment does not end it: servers repeat in it what they were told.
    """
    text = text.replace("\0", "")
    kept, strings, position = [], [], 0
    while position < len(text):
        token = _STRING_OR_COMMENT.match(text, position)
        position = token.end()
        if token[0] == "(":
            position, _is_closed = comment_end(text, position, _COMMENT_OR_STRING if has_strings else _COMMENT_PART)
            kept.append(" ")
        elif token[1] is not None:
            kept.append(f"\0{len(strings)}\0")
            strings.append(token[1])
        else:
            kept.append(token[0])
    return "".join(kept), strings


def restored(text: str, strings: list[str]) -> str:
    """Put the strings of `without_comments` back."""
    return _NUMBER.sub(lambda match: strings[int(match[1])], text)


class _Item:
    """What stands between two commas."""

    def __init__(self):
        self.words, self.quoted, self.bare, self.comments, self.angles = [], [], [], [], []

    def people(self):
        """The one person of this item, nobody when it is empty."""
        name = decode_field("".join(self.words))
        if self.angles:
            address = _tidy(self.angles[-1].strip("<"))
            address = address.rpartition(":")[2] if address.startswith("@") else address  # an old route
            if address.count("@") > 1 and "," in address and '"' not in address:  # a list in one pair of brackets
                return [(name, part) for part in address.split(",") if "@" in part]
            if "@" in address or not name:
                return [(name, address)] if address else []
        found = bare_addresses("@".join(map(str.strip, f" {''.join(self.bare)} ".split("@"))))
        if self.quoted and self.bare and self.bare[-1].startswith("@"):  # "anna b"@client.com
            return [("", self.quoted[-1] + self.bare[-1].strip())]
        if found:
            return [(decode_field(" ".join(self.comments)), _tidy(found[-1]))]
        if "@" in name and "=?" in "".join(self.words):  # some programs encode the whole field
            return [person for person in mailboxes(name.replace("=?", "")) if "@" in person[1]][-1:] or [("", name)]
        return [("", name)] if name else []


def _tidy(address):
    """An address without what programs leave standing around it."""
    bare = _BLANKS.sub(lambda found: found[1] or "", address).rstrip(".")
    bare = bare[7:] if bare[:7].lower() == "mailto:" else bare
    return bare if "[" in bare else bare.rstrip("]")
