"""Prepare a template for a campaign: unsubscribe link, open pixel, links that are counted."""

import re
from dataclasses import dataclass, field

from .html_links import replace_links
from .text_part import derive_text

_UNSUBSCRIBE = re.compile(r"\[(?:DIRECT_)?UNSUBSCRIBE_(?:URL|LINK)\b|unsubscribe_url")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
TEXT_FOOTER = "\n\nSe désinscrire / Unsubscribe: {{ unsubscribe_url }}\n"
FOOTER = '<p style="font-size:12px;color:#777"><a href="{{ unsubscribe_url }}">Se désinscrire / Unsubscribe</a></p>'
COMPANY_ADDRESS = '<p style="font-size:12px;color:#777">{{ company_full_address }}</p>'
PIXEL = '<img src="{{ open_url }}" width="1" height="1" alt="" style="display:none">'


@dataclass
class Content:
    """What is rendered for every recipient; `links` are the counted targets in their order."""

    subjects: tuple
    html: str
    text: str
    links: list = field(default_factory=list)


def prepare(subjects, html, text, *, track_opens, track_clicks, is_list=True):
    """`Content` of a campaign: one subject, or two for an A/B test. What goes to no list needs no link to leave it."""
    if is_list and not _UNSUBSCRIBE.search(_COMMENT.sub("", html)):
        html = before_body_end(html, FOOTER)
    text = text or derive_text(html)
    if is_list and not _UNSUBSCRIBE.search(text):
        text = text.rstrip() + TEXT_FOOTER
    links = {}  # address: its position
    if track_clicks:
        html = replace_links(html, lambda target: f"{{{{ click_url }}}}{links.setdefault(target, len(links))}")
    if track_opens:
        html = before_body_end(html, PIXEL)
    return Content(tuple(subjects), html, text, list(links))


def before_body_end(html, addition):
    """html with the addition as the last thing of its body."""
    end = None
    for end in _BODY_END.finditer(html):  # noqa: B007 the last one is wanted
        pass
    return html + addition if end is None else html[: end.start()] + addition + html[end.start() :]
