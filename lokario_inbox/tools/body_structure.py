"""BODYSTRUCTURE (RFC 3501 7.4.2) to the list of leaves a reader needs."""

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from odoo.addons.lokario_mailbox.tools.imap_wire import number as as_number

from .mime_text import decode_bytes, decode_field

DEPTH_MAX = 60
LEAVES_MAX = 2000


@dataclass(frozen=True)
class Leaf:
    """One part: IMAP number, content type, encoded size in bytes and how to decode it."""

    number: str
    mimetype: str
    charset: str
    encoding: str
    size: int
    name: str
    content_id: str
    disposition: str

    @property
    def is_body(self):
        """People read it as the text of the mail."""
        is_text = self.mimetype in ("text/plain", "text/html")
        return is_text and not self.name and self.disposition != "attachment"

    @property
    def decoded_size(self):
        """Bytes after decoding, estimated: base64 lines of 76 carry 57."""
        return self.size * 57 // 78 if self.encoding == "base64" else self.size


def leaves(structure):
    """Leaves of a parsed BODYSTRUCTURE in reading order. Raises ValueError on nonsense."""
    found = []
    stack = [(structure, "", 0)]
    while stack:
        node, number, depth = stack.pop()
        if depth > DEPTH_MAX or len(found) > LEAVES_MAX or not isinstance(node, list) or not node:
            raise ValueError("unreadable body structure")
        if isinstance(node[0], list):
            children = [child for child in node if isinstance(child, list) and _is_part(child)]
            numbered = [
                (child, f"{number}.{index}".lstrip("."), depth + 1)
                for index, child in enumerate(_leading(children, node), 1)
            ]
            stack.extend(reversed(numbered))
        else:
            found.append(_leaf(node, number or "1"))
    return found


def _leading(children, node):
    """Only the lists before the subtype are parts; the rest is extension data."""
    count = next((i for i, item in enumerate(node) if not isinstance(item, list)), len(node))
    return children[:count]


def _is_part(node):
    return bool(node) and (isinstance(node[0], list) or len(node) >= 7)


def _leaf(node, number):
    if len(node) < 7:
        raise ValueError("unreadable body structure")
    params = _params(node[2])
    disposition, disposition_params = "", {}
    for item in node[7:]:
        if isinstance(item, list) and len(item) == 2 and isinstance(item[1], list | None):
            disposition = _text(item[0]).lower()
            disposition_params = _params(item[1])
            break
    name = _name(disposition_params, "filename") or _name(params, "name")
    return Leaf(
        number=number,
        mimetype=f"{_text(node[0])}/{_text(node[1])}".lower(),
        charset=params.get("charset", ""),
        encoding=_text(node[5]).lower(),
        size=as_number(node[6]),
        name=name,
        content_id=_text(node[3]).strip("<> "),
        disposition=disposition,
    )


def _text(value):
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else ""


def _params(values):
    if not isinstance(values, list):
        return {}
    return {_text(k).lower(): _text(v) for k, v in zip(values[::2], values[1::2], strict=False)}


def _name(params, key):
    if f"{key}*" in params:
        charset, _lang, quoted = [*params[f"{key}*"].split("'", 2), "", ""][:3]
        return decode_bytes(unquote_to_bytes(quoted.encode("utf-8", "surrogateescape")), charset)
    return decode_field(params.get(key, ""))
