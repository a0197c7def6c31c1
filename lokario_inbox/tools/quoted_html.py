"""The HTML side of folding: where signature and quoted tail of a sanitised mail body begin."""

import copy

from lxml import etree, html

from .quoted_text import MAX_SIGNATURE, SEPARATOR, SIGNATURE, Folded, is_attribution, is_header_block

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
_SIGNATURE_MARKS = ("gmail_signature", "moz-signature", "protonmail_signature", "yahoo_signature", "x_signature")
_BLOCKS = ("div", "p", "blockquote", "table", "pre", "span", "td")
_MAX_ELEMENTS = 20_000  # a bigger body is shown whole
_MAX_STEPS = 500_000  # and so is one in which every block looks like a quotation, each to be compared with all others
_HEAD = 1500  # characters that tell whether a block opens a quotation


class _TooManySteps(Exception):
    """This body is not worth folding."""


class _Steps:
    """Counts the elements that are looked at while one body is folded."""

    def __init__(self):
        self._left = _MAX_STEPS

    def take(self):
        self._left -= 1
        if self._left < 0:
            raise _TooManySteps


def fold_html(body: str | None) -> Folded:
    """Split sanitised HTML into the author's part, the signature and the quoted tail (all valid fragments)."""
    if not body or not body.strip():
        return Folded("")
    try:
        root = html.fragment_fromstring(body, create_parent="div")
    except (etree.ParserError, ValueError):
        return Folded(body)
    try:
        written, quoted = _split(root, _first(root, _quote_start))
        visible, signature = _split(written, _first(written, _signature_start))
    except _TooManySteps:
        return Folded(body)
    return Folded(_inner(visible), signature, quoted) if signature or quoted else Folded(body)


def _first(root, find):
    """Return the first node that ``find`` finds in an element, None when the body is too big to look."""
    steps = _Steps()
    for count, node in enumerate(root.iterdescendants()):
        if count > _MAX_ELEMENTS:
            return None
        if isinstance(node.tag, str) and (start := find(node, steps)) is not None:
            return start
    return None


def _split(root, cut):
    """Return (what stands before ``cut``, the rest as HTML); everything when nothing is written before."""
    before = root if cut is None else _before(root, cut)
    if before is root or not _text(before).strip():
        return root, ""
    return before, _inner(_after(root, cut))


def _signature_start(node, steps):
    """Return ``node`` when nothing but the signature follows: marked by the mail program, or below “-- ”."""
    if _is_marked(node, _SIGNATURE_MARKS):
        return node if _nothing_written_after(node, steps, _SIGNATURE_MARKS) else None
    if node.tag not in _BLOCKS or not SIGNATURE.match(_text(node, steps, limit=5).strip().partition("\n")[0].strip()):
        return None
    lines = [line for line in _text(_after(node.getroottree().getroot(), node), steps).splitlines() if line.strip()]
    return node if len(lines) <= MAX_SIGNATURE else None


def _quote_start(node, steps):
    """Return the node from which everything is quoted when ``node`` opens the quotation."""
    if node.tag == "blockquote" or _is_marked(node):
        start = _attribution_above(node, steps)
        return start if _nothing_written_after(node, steps) else None
    if node.tag in _BLOCKS and _opens_outlook_quote(node, steps):
        return node
    return None


def _is_marked(node, marks=_QUOTE_MARKS):
    names = f"{node.get('class') or ''} {node.get('id') or ''}".lower()
    return any(mark in names for mark in marks)


def _opens_outlook_quote(node, steps):
    lines = [line.strip() for line in _text(node, steps, limit=_HEAD).splitlines() if line.strip()]
    if not lines or len(lines[0]) > 300:
        return False
    return bool(SEPARATOR.match(lines[0])) or is_header_block(lines[:9])


def _attribution_above(node, steps):
    above = node.getprevious()
    while above is not None and not (_text(above, steps).strip() or (above.tail or "").strip()):
        above = above.getprevious()
    if above is None or (above.tail or "").strip():
        return node
    text = " ".join(_text(above, steps).split())
    return above if is_attribution(text) else node


def _nothing_written_after(node, steps, marks=_QUOTE_MARKS):
    while node.getparent() is not None:
        if (node.tail or "").strip():
            return False
        for later in node.itersiblings():
            steps.take()
            is_known = later.tag == "blockquote" or _is_marked(later, marks)
            if (not is_known and _text(later, steps).strip()) or (later.tail or "").strip():
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


def _text(node, steps=None, limit=None):
    """Return the text with a line break at each block and <br>; about ``limit`` characters of it."""
    parts, length = [], 0
    for event, element in etree.iterwalk(node, events=("start", "end")):
        if steps:
            steps.take()
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
