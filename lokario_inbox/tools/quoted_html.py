"""The HTML side of folding: where the quoted tail of a sanitised mail body begins."""

import copy

from lxml import etree, html

from .quoted_text import SEPARATOR, Folded, is_attribution, is_header_block

_QUOTE_MARKS = (
    "gmail_quote",
    "yahoo_quoted",
    "protonmail_quote",
    "tutanota_quote",
    "zmail_extra",
    "moz-cite-prefix",
    "gmail_extra",
    "ms-outlook-mobile-reference-message",
    "divrplyfwdmsg",
    "appendonsend",
    "outlookmessageheader",
    "mail-editor-reference",
)
_BLOCKS = ("div", "p", "blockquote", "table", "pre", "span", "td")
_MAX_ELEMENTS = 20_000  # a bigger body is shown whole
_HEAD = 1500  # characters that tell whether a block opens a quotation


def fold_html(body: str | None) -> Folded:
    """Split sanitised HTML into the author's part and the quoted tail (both valid fragments)."""
    if not body or not body.strip():
        return Folded("")
    try:
        root = html.fragment_fromstring(body, create_parent="div")
    except (etree.ParserError, ValueError):
        return Folded(body)
    cut = _find_cut(root)
    if cut is None or not _text(_before(root, cut)).strip():
        return Folded(body)
    return Folded(_inner(_before(root, cut)), quoted=_inner(_after(root, cut)))


def _find_cut(root):
    for count, node in enumerate(root.iterdescendants()):
        if count > _MAX_ELEMENTS:
            return None
        if isinstance(node.tag, str) and (start := _quote_start(node)) is not None:
            return start
    return None


def _quote_start(node):
    """Return the node from which everything is quoted when ``node`` opens the quotation."""
    if node.tag == "blockquote" or _is_marked(node):
        start = _attribution_above(node)
        return start if _nothing_written_after(node) else None
    if node.tag in _BLOCKS and _opens_outlook_quote(node):
        return node
    return None


def _is_marked(node):
    marks = f"{node.get('class') or ''} {node.get('id') or ''}".lower()
    return any(mark in marks for mark in _QUOTE_MARKS)


def _opens_outlook_quote(node):
    lines = [line.strip() for line in _text(node, limit=_HEAD).splitlines() if line.strip()]
    if not lines or len(lines[0]) > 300:
        return False
    return bool(SEPARATOR.match(lines[0])) or is_header_block(lines[:9])


def _attribution_above(node):
    above = node.getprevious()
    while above is not None and not (_text(above).strip() or (above.tail or "").strip()):
        above = above.getprevious()
    if above is None or (above.tail or "").strip():
        return node
    text = " ".join(_text(above).split())
    return above if is_attribution(text) else node


def _nothing_written_after(node):
    while node.getparent() is not None:
        if (node.tail or "").strip():
            return False
        for later in node.itersiblings():
            quoted = later.tag == "blockquote" or _is_marked(later)
            if (not quoted and _text(later).strip()) or (later.tail or "").strip():
                return False
        node = node.getparent()
    return True


def _before(root, cut):
    kept, path = copy.deepcopy(root), _path(root, cut)
    node = kept
    for depth, index in enumerate(path):
        last = depth == len(path) - 1
        children = list(node)
        for child in children[index + (0 if last else 1) :]:
            _drop(node, child)
        if not last:
            children[index].tail = None
            node = children[index]
    return kept


def _after(root, cut):
    kept, path = copy.deepcopy(root), _path(root, cut)
    node = kept
    for index in path:
        node.text = None
        children = list(node)
        for child in children[:index]:
            node.remove(child)
        node = children[index]
    return kept


def _drop(parent, child):
    child.tail = None
    parent.remove(child)


def _path(root, node):
    indexes = []
    while node is not root:
        indexes.append(node.getparent().index(node))
        node = node.getparent()
    return indexes[::-1]


def _text(node, limit=None):
    """Return the text with a line break at each block and <br>; about ``limit`` characters of it."""
    parts, length = [], 0
    for event, element in etree.iterwalk(node, events=("start", "end")):
        if not isinstance(element.tag, str):
            continue
        if event == "start":
            part = ("\n" if element.tag in ("br", "p", "div", "tr", "li", "hr") else "") + (element.text or "")
        elif element is not node:
            part = ("\n" if element.tag in ("p", "div", "tr") else "") + (element.tail or "")
        else:
            continue
        parts.append(part)
        length += len(part)
        if limit and length > limit:
            break
    return "".join(parts)


def _inner(root):
    text = html.tostring(root, encoding="unicode")
    return text[text.index(">") + 1 : text.rindex("</")] if "</" in text else ""
