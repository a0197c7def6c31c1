"""The HTML side of folding: where signature and quoted tail of a sanitised mail body begin."""

import copy
import re

from lxml import etree, html

from .quoted_text import MAX_SIGNATURE, Folded, is_attribution, is_header_block
from .quoted_words import SEPARATOR, SIGNATURE

_QUOTE_MARKS = (
    "gmail_quote_container",
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
_SPACE = re.compile(r"[ \t\r\n]+")  # what a browser shows as one blank
_HEAD = 1500  # characters that show whether a block opens a quotation


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
        root = html.fragment_fromstring(body, create_parent="div", parser=html.HTMLParser(huge_tree=True))
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
    if node.tag == "blockquote" or _is_by_a_program(node):
        if _nothing_written_after(node, steps):
            above = _attribution_above(node, steps)
            if above is not None:
                return above
            # a quotation without a head may be its author's own
            return node if _is_by_a_program(node) or _is_headed(node, steps) else None
        if node.tag == "blockquote":
            return None
    if node.tag in _BLOCKS and _opens_outlook_quote(node, steps):
        return node
    return None


def _is_by_a_program(node):
    """Marked by a mail program. Gmail's quotations are divisions: its blockquotes are also what its button indents."""
    if node.tag == "blockquote":
        return (node.get("type") or "").lower() == "cite" or _is_marked(node)
    return _is_marked(node) or "gmail_quote" in (node.get("class") or "").lower()


def _is_headed(blockquote, steps):
    lines = [line.strip("> ") for line in _text(blockquote, steps, limit=_HEAD).strip().splitlines()[:9]]
    return bool(lines) and (is_attribution(lines[0]) or is_header_block(lines))


def _is_marked(node, marks=_QUOTE_MARKS):
    names = f"{node.get('class') or ''} {node.get('id') or ''}".lower()
    return any(mark in names for mark in marks)


def _opens_outlook_quote(node, steps):
    lines = [line.strip() for line in _text(node, steps, limit=_HEAD).splitlines() if line.strip()]
    if not lines or len(lines[0]) > 300:
        return False
    return bool(SEPARATOR.match(lines[0])) or (is_header_block(lines[:9]) and not _is_shown(node, steps))


def _is_shown(node, steps):
    """Whether the author shows what begins there, and writes on below."""
    return _text_above(node, steps).rstrip().endswith((":", "\uff1a"))


def _text_above(node, steps):
    """The last words in front of an element, with what stands around them."""
    while node is not None:
        for earlier in node.itersiblings(preceding=True):
            for words in (earlier.tail or "", _text(earlier, steps)):
                if words.strip():
                    return words
        node = node.getparent()
        if node is not None and (node.text or "").strip():
            return node.text
    return ""


def _attribution_above(node, steps):
    """The node of the attribution right above; None without."""
    parent = node.getparent()
    while parent is not None:
        before = list(parent)[: parent.index(node)]
        if (parent.text or "").strip() or any(_holds(child, steps) for child in before):
            return _last_attribution(parent, before, steps)
        node, parent = parent, parent.getparent()
    return None


def _holds(child, steps):
    return bool((_text(child, steps) + (child.tail or "")).strip())


def _last_attribution(parent, children, steps):
    """The last line among these first children of ``parent`` as a node of its own when it is an attribution."""
    while children and not _holds(children[-1], steps):
        children.pop()
    last = children[-1] if children else None
    if last is not None and last.tag in _BLOCKS and not (last.tail or "").strip():
        inside = _text(last, steps).strip()
        is_line = "\n" not in inside and is_attribution(inside)
        return last if is_line else _last_attribution(last, list(last), steps)
    start = 1 + max((i for i, child in enumerate(children) if child.tag in ("br", "hr", *_BLOCKS)), default=-1)
    head = (children[start - 1].tail if start else parent.text) or ""
    line = head + "".join(_text(child, steps) + (child.tail or "") for child in children[start:])
    return _wrapped(parent, children, start) if is_attribution(line) else None


def _wrapped(parent, children, start):
    """A new element in place of what follows the child before ``start``."""
    line = html.Element("span")
    if start:
        line.text, children[start - 1].tail = children[start - 1].tail, None
    else:
        line.text, parent.text = parent.text, None
    parent.insert(start, line)
    line.extend(children[start:])
    return line


def _nothing_written_after(node, steps, marks=_QUOTE_MARKS):
    while node.getparent() is not None:
        if (node.tail or "").strip():
            return False
        for later in node.itersiblings():
            steps.take()
            is_known = later.tag == "blockquote" or _is_by_a_program(later) or _is_marked(later, marks)
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
    parts, length, kept = [], 0, 0
    for event, element in etree.iterwalk(node, events=("start", "end")):
        if steps:
            steps.take()
        if not isinstance(element.tag, str):
            continue
        if event == "start":
            kept += element.tag == "pre"
            text, breaks = element.text, ("br", "p", "div", "tr", "li", "hr")
        elif element is not node:
            kept -= element.tag == "pre"
            text, breaks = element.tail, ("p", "div", "tr")
        else:
            continue
        text = text or ""
        part = ("\n" if element.tag in breaks else "") + (text if kept else _SPACE.sub(" ", text))
        parts.append(part)
        length += len(part)
        if limit and length > limit:
            break
    return "".join(parts)


def _inner(root):
    text = html.tostring(root, encoding="unicode")
    return text[text.index(">") + 1 : text.rindex("</")] if "</" in text else ""
