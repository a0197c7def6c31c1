"""CSS and JavaScript inside a template, where `{#` begins an identifier and no comment of Jinja2's."""

import re

_TAG = re.compile(r"<(/?)(?:style|script)\b", re.IGNORECASE)


def keep_braces(source):
    """The template with every `{#` of its style and script elements printed as it stands."""
    if "{#" not in source:
        return source
    pieces, start, is_inside = [], 0, False
    for tag in _TAG.finditer(source):
        pieces.append(_kept(source[start : tag.start()], is_inside))
        start, is_inside = tag.start(), not tag[1]
    return "".join((*pieces, _kept(source[start:], is_inside)))


def _kept(text, is_inside):
    return text.replace("{#", "{{ '{#' }}") if is_inside else text
