"""From the body that Odoo's mailing editor gives to the HTML of a message of the engine."""

import re
from html import unescape
from urllib.parse import unquote

from lxml import html as lxml_html

from odoo.addons.email_engine_bridge.tools.text_part import hold_jinja, replace_jinja

# What Odoo's own themes link to, replaced when Odoo sends
TAGS = {"/unsubscribe_from_list": "[UNSUBSCRIBE_URL]", "/view": "[WEB_VERSION_URL]"}
# An HTML serializer escapes braces and brackets in addresses: {{ url }} and [TAG] are wanted as they were written.
_ESCAPED = re.compile(r"%7B%7B.*?%7D%7D|%5B[A-Z][A-Z0-9_]*(?::[\w|]+)?%5D", re.IGNORECASE)
_MARK = re.compile("%EE%80%8[01]")  # hold_jinja's, in an address
PAGE = """<!DOCTYPE html>
<html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
</head><body>{body}</body></html>"""


def to_message(body, base_url, lang):
    """Return a whole page: addresses absolute, Odoo's own links as the engine's tags, nothing of QWeb."""
    held, restore = hold_jinja(replace_jinja(_unquote_tags(body), _as_written))
    root = lxml_html.fragment_fromstring(held, create_parent="div")
    for element in root.iter(lxml_html.etree.Element):
        for name in ("href", "src", "background"):
            if value := element.get(name):
                element.set(name, _absolute(value, base_url))
        for name in [name for name in element.attrib if name.startswith("t-")]:
            del element.attrib[name]
    text = _unquote_tags(lxml_html.tostring(root, encoding="unicode"))
    return PAGE.format(lang=(lang or "en")[:2], body=restore(_MARK.sub(lambda found: unquote(found[0]), text)))


def _unquote_tags(text):
    return _ESCAPED.sub(lambda found: unquote(found[0]), text)


def _as_written(expression):
    """A Jinja2 expression without what an HTML editor, or the serializer of an address, made of it."""
    text = unescape(expression)
    return text if " " in text else unquote(text)


def _absolute(address, base_url):
    if address in TAGS:
        return TAGS[address]
    is_local = address.startswith("/") and not address.startswith("//")
    return base_url.rstrip("/") + address if is_local else address
