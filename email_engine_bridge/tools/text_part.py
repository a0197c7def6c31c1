"""Derive the plain-text part of a message from the tree of its HTML template, Jinja2 and tags kept."""

import re
from itertools import count

from lxml import html as lxml_html
from lxml.etree import ParserError

from .sandbox.style_blocks import keep_braces

_OPENING = re.compile(r"\{[{%#]")
_CLOSINGS = {"{{": "}}", "{%": "%}", "{#": "#}"}
_MARK = re.compile("\ue000(\\d{1,9})\ue001")  # which a hostile text may hold, too
_DECLARATIONS = re.compile(r"\A(?:\s*<\?xml[^>]*\?>)+", re.IGNORECASE)
_UNSEEN = {"style", "script", "head", "title", "template", "noscript", "object", "svg", "select", "textarea"}
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all|visibility\s*:\s*hidden", re.IGNORECASE)
# What is shown apart from its neighbours (HTML, 15.3): with an empty line, or on a line of its own.
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "dl", "figure", "ul", "ol", "table"}
_LINES = {
    "address", "article", "aside", "body", "caption", "center", "dd", "details", "dialog", "div", "dt", "fieldset",
    "figcaption", "footer", "form", "header", "hgroup", "li", "main", "nav", "section", "summary", "tbody", "tfoot",
    "thead", "tr",
}  # fmt: skip
PARAGRAPH, LINE = "\x1f", "\x1e"  # breaks that count once, however many elements begin or end there
# Blanks of what is shown as it is written, until all others are folded.
_HELD = str.maketrans({" ": "\ue002", "\n": "\ue003", "\t": "\ue004", "\r": ""})
_BLANKS = str.maketrans({"\ue002": " ", "\ue003": "\n", "\ue004": "\t"})
_LAST_BLANKS = re.compile(f"(?<![\ue002-\ue004])[\ue002-\ue004]+(?=[{PARAGRAPH}{LINE}])")
_PRE_STYLE = re.compile(r"white-space\s*:\s*(?:pre|break-spaces)", re.IGNORECASE)
_CELLS = {"td", "th"}
_SCHEME = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n\f]+")  # HTML's: a non-breaking space is none


def derive_text(html):
    """Readable text of an HTML template: links as `text (url)`, paragraphs apart."""
    held, restore = hold_jinja(html)
    text = re.sub(r" {2,}", " ", "".join(_text_of(read_html(held))))
    text = _LAST_BLANKS.sub("", text)
    text = re.sub(rf"[ \t\n{LINE}]*{PARAGRAPH}[ \t\n{LINE}{PARAGRAPH}]*", "\n\n", text)
    text = re.sub(rf"[ \t]*(?:\n[ \t]*)?{LINE}[ \t{LINE}]*", "\n", text)
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", re.sub(r"^(-|\d+\.) ?\s+", r"\1 ", text, flags=re.MULTILINE))
    return restore(re.sub(r"\n{3,}", "\n\n", text).strip().translate(_BLANKS).rstrip() + "\n")


def read_html(html):
    """The tree of a page; one without elements, such as a comment alone, is an empty one."""
    try:
        return lxml_html.document_fromstring(_DECLARATIONS.sub("", html))
    except ParserError:
        return lxml_html.document_fromstring("<p></p>")


def _folded(text):
    return _SPACE.sub(" ", text)


def _as_written(text):
    return text.translate(_HELD)


def _text_of(element, item="- ", spaced=_folded):
    """Yield the pieces of an element and of what follows it in its parent.

    item: what a list puts before it; spaced: what the parent makes of blanks.
    """
    tag = element.tag if isinstance(element.tag, str) else ""  # a comment has none, and shows nothing
    is_hidden = element.get("hidden") is not None or _HIDDEN_STYLE.search(element.get("style") or "")
    if tag and tag not in _UNSEEN and not is_hidden:
        yield from _shown(element, tag, item, spaced)
    yield spaced(element.tail or "")


def _shown(element, tag, item, spaced):
    is_written = tag == "pre" or _PRE_STYLE.search(element.get("style") or "")
    spaced = _as_written if is_written else spaced
    apart = PARAGRAPH if tag in _PARAGRAPHS else LINE if tag in _LINES else ""
    yield apart
    yield {"li": item, "br": "\n", "hr": f"{LINE}---{LINE}"}.get(tag, "")
    yield element.get("alt") or "" if tag == "img" else ""
    yield spaced(element.text or "").removeprefix("\ue003")  # the line break after <pre> is none
    items = count(1)
    for child in element:
        yield from _text_of(child, f"{next(items)}. " if tag == "ol" and child.tag == "li" else "- ", spaced)
    target = (element.get("href") or "").strip() if tag in ("a", "area") else ""
    yield f" ({target})" if target and not _is_said(target, element) else ""
    yield " " if tag in _CELLS else apart


def _is_said(target, link):
    """Whether a link's address is no address, or its own words: `https://x.test (https://x.test)` says it twice."""
    bare = _SCHEME.sub("", target).rstrip("/")
    return target.startswith(("#", "javascript:")) or _SCHEME.sub("", (link.text or "").strip()).rstrip("/") == bare


def hold_jinja(html):
    """(html with a mark in place of each Jinja2 expression, function that puts them back)."""
    held = []

    def hold(expression):
        held.append(expression)
        return f"\ue000{len(held) - 1}\ue001"

    def restore(text):
        return _MARK.sub(lambda found: held[int(found[1])] if int(found[1]) < len(held) else found[0], text)

    return replace_jinja(keep_braces(html), hold), restore


def replace_jinja(source, replacement):
    """The source with each `{{ … }}`, `{% … %}` and `{# … #}` replaced by `replacement(of it)`; one look at each end.

    An opening that nothing closes is text, and so is each later one of its kind.
    """
    pieces, kept, position, unclosed = [], 0, 0, set()
    while found := _OPENING.search(source, position):
        opening, start = found[0], found.start()
        end = -1 if opening in unclosed else source.find(_CLOSINGS[opening], start + 2)
        if end < 0:
            unclosed.add(opening)
            position = start + 1
            continue
        kept, position, before = end + 2, end + 2, source[kept:start]
        pieces += [before, replacement(source[start:kept])]
    return "".join((*pieces, source[kept:]))
