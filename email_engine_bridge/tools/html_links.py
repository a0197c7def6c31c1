"""The links of an HTML template, found as a mail program finds them: by its elements, Jinja2 and tags untouched."""

import re
from html import unescape
from html.parser import HTMLParser

from .text_part import hold_jinja

SPACE = " \t\r\n\f"  # HTML's
_ATTRIBUTE = re.compile(rf"""([^{SPACE}/>=]+)(?:[{SPACE}]*=[{SPACE}]*(?:"([^"]*)"|'([^']*)'|([^{SPACE}>]+)))?""")
_REFERENCE = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|\w+);")  # those without a semicolon are text in an attribute
_PERSONAL = re.compile(r"[{}\ue000]|\[[A-Z]")  # what is filled in for each recipient


class _Anchors(HTMLParser):
    """Collects (position, text) of the start tags that lead somewhere."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.found = []
        self._lines = [0, *(end.end() for end in re.finditer("\n", html))]
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, _attrs):
        if tag in ("a", "area"):
            line, column = self.getpos()
            self.found.append((self._lines[line - 1] + column, self.get_starttag_text()))


def replace_links(html, replacement):
    """html with each link to a web address, the same for everybody, replaced by `replacement(address)`."""
    held, restore = hold_jinja(html)
    pieces, end = [], 0
    for start, tag in _Anchors(held).found:
        href = _find_href(tag)
        if href and (address := _read_address(href[href.lastindex])):
            first, last = href.span(href.lastindex)
            quote = '"' if href.lastindex == 4 else ""
            pieces += [held[end : start + first], quote, replacement(address), quote]
            end = start + last
    return restore("".join((*pieces, held[end:])))


def _find_href(tag):
    """The match of a start tag's href; of two, the first one counts (HTML, 13.2.5.33)."""
    start = re.match(r"<\w+", tag).end()
    return next((one for one in _ATTRIBUTE.finditer(tag, start) if one[1].lower() == "href"), None)


def _read_address(value):
    address = re.sub(r"[\t\r\n]", "", _REFERENCE.sub(lambda found: unescape(found[0]), value)).strip(SPACE)
    is_web = address.lower().startswith(("https://", "http://"))
    return address if is_web and not _PERSONAL.search(address) else None
