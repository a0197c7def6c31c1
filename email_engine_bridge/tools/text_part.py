"""Derive the plain-text part of a message from its HTML template, Jinja2 and tags kept."""

import re
from html.parser import HTMLParser

from .sandbox.style_blocks import keep_braces

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_HIDDEN = {"style", "script", "head", "title"}
_BREAKS = {"br": "\n", "p": "\n\n", "div": "\n", "tr": "\n", "li": "\n- ", "h1": "\n\n", "h2": "\n\n", "h3": "\n\n"}
_BREAKS |= {"hr": "\n---\n", "table": "\n", "ul": "\n", "ol": "\n"}
_SPACE = re.compile(r"[ \t\r\n\f]+")  # HTML's: a non-breaking space is none


class _TextOf(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.parts = []
        self._hidden = 0
        self._links = []

    def handle_starttag(self, tag, attrs):
        self._hidden += tag in _HIDDEN
        self.parts.append(_BREAKS.get(tag, ""))
        if tag == "a":
            self._links.append(dict(attrs).get("href") or "")

    def handle_endtag(self, tag):
        self._hidden -= tag in _HIDDEN and self._hidden > 0
        if tag == "a" and self._links:
            target = self._links.pop()
            self.parts.append(f" ({target})" if target and not target.startswith("#") else "")
        elif tag in ("p", "h1", "h2", "h3", "table"):
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")

    def handle_data(self, data):
        if not self._hidden:
            self.parts.append(_SPACE.sub(" ", data))


def derive_text(html):
    """Readable text of an HTML template: links as `text (url)`, paragraphs apart."""
    held, restore = hold_jinja(html)
    parser = _TextOf()
    parser.feed(held)
    parser.close()
    text = "".join(parser.parts)
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", text)
    return restore(re.sub(r"\n{3,}", "\n\n", text).strip() + "\n")


def hold_jinja(html):
    """(html with a mark in place of each Jinja2 expression, function that puts them back)."""
    held = []

    def hold(found):
        held.append(found[0])
        return f"\ue000{len(held) - 1}\ue001"

    def restore(text):
        return re.sub("\ue000(\\d+)\ue001", lambda found: held[int(found[1])], text)

    return _JINJA.sub(hold, keep_braces(html)), restore
