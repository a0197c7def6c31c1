"""BODYSTRUCTURE (RFC 9051 7.5.2) to the tree of parts that a whole mail would give (`mail_part`), without contents."""

import re

from odoo.addons.lokario_mailbox.tools.imap_wire import number

from .mail_part import MailPart

DEPTH_MAX = 60
PARTS_MAX = 2000


def tree(structure) -> MailPart:
    """Return the parts that a parsed BODYSTRUCTURE describes; each leaf ``waiting``. Raises ValueError on nonsense."""
    root, count = MailPart(), 0
    stack = [(structure, root, 0)]
    while stack:
        node, part, depth = stack.pop()
        count += 1
        if depth > DEPTH_MAX or count > PARTS_MAX or not isinstance(node, list) or not node:
            raise ValueError("unreadable body structure")
        if isinstance(node[0], list):
            children = [(child, MailPart()) for child in _children(node)]
            _describe_container(part, node[len(children) :])
            part.set_payload([inside for _child, inside in children])
            stack.extend((child, inside, depth + 1) for child, inside in children)
        else:
            _describe_leaf(part, node)
    return root


def _children(node):
    """Only the lists before the subtype are parts; the rest is extension data."""
    count = next((i for i, item in enumerate(node) if not isinstance(item, list)), len(node))
    return node[:count]


def _describe_container(part, rest):
    subtype = re.sub(r"[^\w.+-]", "", _text(rest[0])) if rest else ""
    part.set_raw("Content-Type", f"multipart/{subtype or 'mixed'}")


def _describe_leaf(part, node):
    node = node + [None] * (7 - len(node))  # a server that does not know a part says less
    subtype = _text(node[1])
    kind = f"{_text(node[0])}/{subtype}" if subtype else "application/octet-stream"
    part.set_raw("Content-Type", kind + _parameters(node[2]))
    part.set_raw("Content-ID", _text(node[3]))
    part.set_raw("Content-Transfer-Encoding", _text(node[5]))
    for item in node[7:]:
        if (
            isinstance(item, list)
            and len(item) == 2
            and isinstance(item[0], bytes)
            and isinstance(item[1], list | None)
        ):
            part.set_raw("Content-Disposition", _text(item[0]) + _parameters(item[1]))
            break
    size = number(node[6], most=2**31 - 1)
    part.waiting = size * 57 // 78 if part.encoding == "base64" else size  # base64 lines of 76 carry 57


def _parameters(values):
    if not isinstance(values, list):
        return ""
    couples = zip(values[::2], values[1::2], strict=False)
    return "".join(f'; {_text(name)}="{_quoted(_text(value))}"' for name, value in couples)


def _quoted(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _text(value):
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else ""
