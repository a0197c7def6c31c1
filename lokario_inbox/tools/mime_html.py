"""HTML of a stranger made harmless, once, before it is stored; and plain text out of HTML."""

import html as html_entities
import re

import nh3

from .hidden_text import mark_hidden

_TAGS = nh3.ALLOWED_TAGS - {"map", "area"} | {
    "font",
    "center",
    "big",
    "tt",
    "section",
    "article",
    "header",
    "footer",
    "main",
    "address",
    "u",
    "s",
    "figure",
    "figcaption",
    "picture",
}
_COMMON = {"style", "align", "valign", "width", "height", "bgcolor", "dir", "lang", "title", "class"}
_ATTRIBUTES = {tag: set(_COMMON) for tag in _TAGS}
_ATTRIBUTES["a"] |= {"href", "name"}
_ATTRIBUTES["img"] |= {"src", "alt", "border"}
_ATTRIBUTES["table"] |= {"border", "cellpadding", "cellspacing", "summary"}
for _cell in ("td", "th"):
    _ATTRIBUTES[_cell] |= {"colspan", "rowspan", "nowrap"}
_ATTRIBUTES["font"] |= {"color", "face", "size"}
_ATTRIBUTES["ol"] |= {"start", "type"}
_ATTRIBUTES["blockquote"] |= {"type", "cite"}

# Nothing that can load a resource, leave its box or hide from the reader.
_STYLES = {
    "color",
    "background-color",
    "font",
    "font-family",
    "font-size",
    "font-style",
    "font-weight",
    "line-height",
    "letter-spacing",
    "text-align",
    "text-decoration",
    "text-indent",
    "text-transform",
    "vertical-align",
    "white-space",
    "word-break",
    "width",
    "max-width",
    "min-width",
    "height",
    "max-height",
    "padding",
    "padding-top",
    "padding-right",
    "padding-bottom",
    "padding-left",
    "margin",
    "margin-top",
    "margin-right",
    "margin-bottom",
    "margin-left",
    "border",
    "border-top",
    "border-right",
    "border-bottom",
    "border-left",
    "border-color",
    "border-style",
    "border-width",
    "border-collapse",
    "border-spacing",
    "border-radius",
    "display",
    "direction",
    "float",
    "clear",
    "list-style-type",
    "table-layout",
}
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    clean_content_tags={"script", "style", "title", "noscript", "template"},
    url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
    filter_style_properties=_STYLES,
    link_rel="noopener noreferrer nofollow",
)
_TEXT_CLEANER = nh3.Cleaner(tags=set(), clean_content_tags={"script", "style", "title", "template", "head"})
_REMOTE_SRC = re.compile(r'(<img\b[^>]*?) src="(?:https?:)?//', re.IGNORECASE)
_ANY_SRC = re.compile(r' src="(?!cid:|data:image/)[^"]*"')
_DATA_LINK = re.compile(r' (?:href|cite)="\s*(?:data|cid):[^"]*"')
_MSO = re.compile(r"<!--\[if[\s\S]*?<!\[endif\]-->", re.IGNORECASE)
_BREAKS = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/blockquote|hr)\b[^>]*>", re.IGNORECASE)
_CELLS = re.compile(r"</t[dh]>", re.IGNORECASE)
HTML_MAX = 2_000_000  # characters of one body that are kept


def sanitise(markup):
    """Safe HTML: no scripts, forms, frames, remote loads. Remote images wait as ``data-remote-src``.

    The reader turns ``data-remote-src`` back into ``src`` when the user asks for the images. What its author hid by
    means that are taken away here keeps the class ``hidden_text.MARK``.
    """
    cleaned = _CLEANER.clean(mark_hidden(_MSO.sub("", markup[:HTML_MAX])))
    if "src=" in cleaned:
        cleaned = _REMOTE_SRC.sub(lambda match: match[0].replace(" src=", " data-remote-src="), cleaned)
        cleaned = _ANY_SRC.sub("", cleaned)
    if "data:" in cleaned or "cid:" in cleaned:
        cleaned = _DATA_LINK.sub("", cleaned)
    return cleaned


def to_text(markup):
    """Readable plain text of HTML, one line per block."""
    markup = re.sub(r"\s+", " ", markup[:HTML_MAX])
    markup = _CELLS.sub(" ", _BREAKS.sub("\n", markup))
    text = html_entities.unescape(_TEXT_CLEANER.clean(markup)).replace("\xa0", " ")
    lines = (re.sub(r"[ \t]+", " ", line).strip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
