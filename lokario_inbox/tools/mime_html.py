"""HTML of a stranger made harmless, once, before it is stored; and plain text out of HTML."""

import html as html_entities
import re

import nh3

from .hidden_text import colour_of_background, legible, mark_hidden

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
_WINDOW_LENGTH = re.compile(r"\d(?:[sld]?v[hwib]|[sld]?vm(?:in|ax))\b", re.IGNORECASE)
_ABSOLUTE = re.compile(r"(?:https?://[^/\\]|mailto:|tel:)", re.IGNORECASE)
_DOUBTFUL_LINK = re.compile(r' (?:href|cite)="(?!(?:https?://[^/\\"]|mailto:|tel:))', re.IGNORECASE)


def _harmless(tag, attribute, value):
    return _styled(value) if attribute == "style" else _leads_elsewhere(tag, attribute, value)


def _styled(value):
    """The style without lengths of a window, which a frame that follows its mail's height never reaches, and with the
    colour of a background by a property of its own: colours and backgrounds are kept together.
    """
    if _WINDOW_LENGTH.search(value):
        value = ";".join(item for item in value.split(";") if not _WINDOW_LENGTH.search(item))
    if "background" in value.lower() and (colour := colour_of_background(value)):
        value = f"background-color:{colour};{value}"
    return value


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
_TAG = re.compile(r'<(?:[^"<>]|"[^"]*+")*+>')  # as nh3 writes them: values may hold what looks like another tag
_ATTRIBUTE = re.compile(r' ([\w-]+)="([^"]*+)"')
_REMOTE = re.compile(r"(?:https?:)?//", re.IGNORECASE)
_BREAKS = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/blockquote|hr)\b[^<>]*+>", re.IGNORECASE)
_CELLS = re.compile(r"</t[dh]>", re.IGNORECASE)
HTML_MAX = 8_000_000  # characters of one body that are kept


def sanitise(markup):
    """Safe HTML: no scripts, forms, frames, remote loads. Remote images wait as ``data-remote-src``.

    The reader turns ``data-remote-src`` back into ``src`` when the user asks for the images. What its author hid by
    means that are taken away here keeps the class ``hidden_text.MARK``.
    """
    cleaned = legible(_CLEANER.clean(mark_hidden(markup[:HTML_MAX])))
    return _TAG.sub(_without_loads, cleaned) if " src=" in cleaned else cleaned


def _without_loads(tag):
    return _ATTRIBUTE.sub(_waiting_source, tag[0]) if " src=" in tag[0] else tag[0]


def _waiting_source(attribute):
    name, value = attribute.groups()
    if name != "src" or value.startswith(("cid:", "data:image/")):
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
    markup = re.sub(r"\s+", " ", markup[:HTML_MAX])
    markup = _CELLS.sub(" ", _BREAKS.sub("\n", markup))
    text = html_entities.unescape(_TEXT_CLEANER.clean(markup)).replace("\xa0", " ")
    lines = (re.sub(r"[ \t]+", " ", line).strip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
