"""The text of a mail that a person would see: what its author hid lends nothing to the gate."""

import re

from lxml import etree, html

from .mime_html import to_text

_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(hidden|collapse)|opacity\s*:\s*0(\.0+|\.[01]\d*)?\s*(;|$)|mso-hide\s*:\s*all"
    r"|font-size\s*:\s*[0-3](\.\d+)?\s*(px|pt|%|em|;|$)|(max-)?(height|width)\s*:\s*[01](px)?\s*(;|$)"
    r"|(text-indent|left|top|margin-left)\s*:\s*-\d{3,}|(?<!-)color\s*:\s*(#f[a-f0-9]?f|#f[a-f0-9]f[a-f0-9]f|white|transparent"
    r"|rgba?\(\s*2[45]\d\s*,\s*2[45]\d\s*,\s*2[45]\d|rgba\([^)]*,\s*0\s*\))",
    re.IGNORECASE,
)
_HIDDEN_TAGS = {"script", "style", "template", "noscript", "head", "title", "object", "svg"}


def visible_text(markup: str) -> str:
    """Return the text of HTML without comments, alternative texts and elements that are styled away.

    Colours equal to their background are known for white only. What cannot be parsed has no visible text.
    """
    try:
        root = html.fromstring(f"<div>{markup}</div>")
    except (etree.ParserError, ValueError):
        return ""
    for element in list(root.iter()):
        if not isinstance(element.tag, str) or _is_hidden(element):
            _drop(element)
    return to_text(html.tostring(root, encoding="unicode"))


def _is_hidden(element) -> bool:
    colour = (element.get("color") or "").lower()
    return (
        element.tag in _HIDDEN_TAGS
        or "hidden" in element.attrib
        or bool(_HIDDEN_STYLE.search(element.get("style") or ""))
        or colour in ("white", "#fff", "#ffffff")
        or element.get("size") in ("0", "-7")
    )


def _drop(element):
    if element.getparent() is not None:
        element.drop_tree()  # what follows the element stays
