"""The text of a mail that a person would see: what its author hid lends nothing to the gate."""

import unicodedata

from lxml import html

from .bounded_html import bounded
from .hidden_text import hidden_elements, parse
from .mime_html import to_text


def visible_text(markup: str) -> str:
    """Return the text of HTML without comments, alternative texts, hidden elements and characters without a shape.

    What cannot be parsed has no visible text.
    """
    root = parse(bounded(markup))
    if root is None:
        return ""
    for element in list(hidden_elements(root)):
        element.drop_tree()  # what follows it stays
    text = to_text(html.tostring(root, encoding="unicode"))
    return "".join(char for char in text if unicodedata.category(char) not in ("Cf", "Co", "Cn") or char == "\u200d")
