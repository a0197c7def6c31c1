"""HTML whose parsing takes linear time: parsers look at all that is around each element, and at all its attributes."""

import re

NESTING_MAX = 150  # elements inside one another; answers to answers of a year have less
_TAGS_MAX = 400  # in fewer nothing is deep
_ENDLESS = 8000  # characters
_ATTRIBUTES_MAX = 1000
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/<>]{0,40})")
_ENDLESS_TAG = re.compile(rf"<[a-zA-Z][^<>]{{{_ENDLESS},}}+")
_DATA = re.compile(r"[\"']data:[^\"']*+", re.IGNORECASE)
# what has no end, or ends where the next of its kind begins
_FLAT = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"),
    *("p", "li", "dt", "dd", "option", "tr", "td", "th"),
}


def bounded(markup: str) -> str:
    """Return HTML without tags beyond NESTING_MAX, and without attributes where nobody could mean them; words stay.

    For what is sanitised afterwards, or never shown: a value that was quoted may be a tag then.
    """
    if len(markup) > _ENDLESS:
        markup = _ENDLESS_TAG.sub(_without_attributes, markup)
    if markup.count("<") <= _TAGS_MAX:
        return markup
    opened, closed = markup.count("<") - markup.count("</"), markup.count("</")
    return _shallow(markup) if opened > NESTING_MAX or closed > NESTING_MAX else markup


def _without_attributes(tag):
    words = _DATA.sub("", tag[0]).split()
    return tag[0] if len(words) <= _ATTRIBUTES_MAX else words[0]


def _shallow(markup):
    """Each tag that is too deep becomes ``<!tag``, which is a comment."""
    pieces, position, depth, dropped = [], 0, 0, 0
    for tag in _TAG.finditer(markup):
        is_end, name = tag[1], tag[2].lower()
        if name in _FLAT:
            continue
        is_deep = dropped if is_end else depth >= NESTING_MAX
        if is_deep:
            dropped += -1 if is_end else 1
            pieces += (markup[position : tag.start()], " <!")
            position = tag.start() + 1
        else:
            depth = max(0, depth + (-1 if is_end else 1))
    return "".join([*pieces, markup[position:]]) if pieces else markup
