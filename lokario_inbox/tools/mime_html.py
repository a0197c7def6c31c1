"""HTML of a stranger made harmless, once, before it is stored; and plain text out of HTML."""

import html as html_entities
import re

import nh3

from .bounded_html import bounded
from .hidden_text import colour_of_background, legible, loses_colours, mark_hidden, may_hide

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

_BLANKS = "".join(map(chr, range(0x21)))  # what browsers ignore in front of an address

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
_SHORTHAND = re.compile(r"background\s*:")
_WINDOW_LENGTH = re.compile(r"\d[sld]?v(?:[hwib]|min|max)\b", re.IGNORECASE)
# what loads something; colours that `hidden_text` does not read; what a browser reads otherwise than it is written
_UNWANTED = re.compile(
    r"(?:url|image|image-set|cross-fade|element|src|attr|var|(?:ok)?l(?:ab|ch)|hwb|color|color-mix|light-dark)\s*\("
    rf"|\(\s*from\b|//|\\|{_WINDOW_LENGTH.pattern}",
    re.IGNORECASE,
)
_ABSOLUTE = re.compile(r"(?:https?://[^/\\]|mailto:|tel:)", re.IGNORECASE)
_DOUBTFUL_LINK = re.compile(r' (?:href|cite)="(?!(?:https?://[^/\\"]|mailto:|tel:))', re.IGNORECASE)


def _harmless(tag, attribute, value):
    return _styled(value) if attribute == "style" else _leads_elsewhere(tag, attribute, value)


def _styled(value):
    """The style without what loads something and without lengths of a window, which a frame that follows its mail's
    height never reaches, and with the colour of a background by a property of its own: colours and backgrounds are kept
    together.
    """
    colour = colour_of_background(value) if _SHORTHAND.search(value.lower()) else ""
    if "(" in value or "//" in value or "\\" in value or _WINDOW_LENGTH.search(value):
        value = ";".join(item for item in value.split(";") if not _UNWANTED.search(item))
    return f"background-color:{colour};{value}" if colour else value


def _leads_elsewhere(_tag, attribute, value):
    """Drop links that a browser completes with the address of the page they stand on: our own server.

    ``/x``, ``x``, ``#x`` and, because the scheme is that of the page, ``https:x`` and ``https:/x``.
    """
    if attribute in ("href", "cite") and not _ABSOLUTE.match(re.sub(r"[\t\r\n]", "", value).lstrip(_BLANKS)):
        return None
    return value


_CLEANER_OPTIONS = dict(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    clean_content_tags={"script", "style", "title", "noscript", "template"},
    url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
    url_relative=lambda url: f"https:{url}" if url.startswith("//") else None,
    attribute_filter=_harmless,
    filter_style_properties=_STYLES,
    link_rel="noopener noreferrer nofollow",
)
_CLEANER = nh3.Cleaner(**_CLEANER_OPTIONS)
_STORED_CLEANER = nh3.Cleaner(
    **{**_CLEANER_OPTIONS, "attributes": {**_ATTRIBUTES, "img": _ATTRIBUTES["img"] | {"data-remote-src"}}}
)
_TEXT_CLEANER = nh3.Cleaner(tags=set(), clean_content_tags={"script", "style", "title", "template", "head"})
_TAG = re.compile(r'<(?>(?:[^"<>]|"[^"]*+")*)>')  # as nh3 writes them: values may hold what looks like another tag
_ATTRIBUTE = re.compile(r' ([\w-]+)="([^"]*+)"')
_REMOTE = re.compile(r"(?:https?:)?//", re.IGNORECASE)
_BREAKS = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/blockquote|hr)\b[^<>]*+>", re.IGNORECASE)
_PREFORMATTED = re.compile(r"(<pre\b(?>(?:[^<]|<(?!/?pre\b))*))", re.IGNORECASE)
_ENDLESS_TITLE = re.compile(r"<title\b[^<>]*+>(?![^<]*+</title)", re.IGNORECASE)
_OPENS = re.compile(r"<(?:p|div|tr|li|ul|ol|h[1-6]|blockquote|table|pre)\b(?=[^<>]*+>)", re.IGNORECASE)
_OPENED = "\x01"  # a new line, where none has just begun
_CELLS = re.compile(r"</t[dh]>", re.IGNORECASE)
HTML_MAX = 8_000_000  # characters of one body that are kept


def sanitise(markup):
    """Safe HTML: no scripts, forms, frames, remote loads. Remote images wait as ``data-remote-src``.

    The reader turns ``data-remote-src`` back into ``src`` when the user asks for the images. What its author hid by
    means that are taken away here keeps the class ``hidden_text.MARK``.
    """
    markup = _readable(markup)
    cleaned = "" if may_hide(markup) else _CLEANER.clean(markup)
    if not cleaned or loses_colours(markup, cleaned):  # few mails: it takes longer
        cleaned = legible(_CLEANER.clean(mark_hidden(markup)))
    return _TAG.sub(_without_loads, cleaned) if " src=" in cleaned else cleaned


def _readable(markup):
    """What is looked at of a stranger's HTML; a title that never ends would hide everything."""
    markup = bounded(markup[:HTML_MAX])
    return _ENDLESS_TITLE.sub("", markup) if "<title" in markup or "<TITLE" in markup else markup


def _without_loads(tag):
    return _ATTRIBUTE.sub(_waiting_source, tag[0]) if " src=" in tag[0] else tag[0]


def _waiting_source(attribute):
    name, value = attribute.groups()
    if name != "src" or value[:11].lower().startswith(("cid:", "data:image/")):
        return attribute[0]
    return f' data-remote-src="{value}"' if _REMOTE.match(value) else ""


def without_own_links(stored):
    """Return stored HTML without the links to our own server that earlier versions of ``sanitise`` kept."""
    return _STORED_CLEANER.clean(stored) if _DOUBTFUL_LINK.search(stored) else stored


def beginning(stored, size):
    """Return the first characters of stored HTML as HTML that is whole again."""
    return stored if len(stored) <= size else _STORED_CLEANER.clean(stored[:size])


def to_text(markup):
    """Readable plain text of HTML, one line per block."""
    parts = _PREFORMATTED.split(_readable(markup))
    parts[1::2] = [part.replace("\n", "<br>") for part in parts[1::2]]
    markup = re.sub(r"\s+", " ", "".join(parts))
    markup = _OPENS.sub(_opened, _CELLS.sub(" ", _BREAKS.sub("\n", markup)))
    text = html_entities.unescape(_TEXT_CLEANER.clean(markup)).replace("\xa0", " ")
    lines = ("\n".join(_pieces(line)) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _opened(tag):
    return _OPENED + tag[0]


def _pieces(line):
    return filter(None, (re.sub(r"[ \t]+", " ", piece).strip() for piece in line.split(_OPENED)))
