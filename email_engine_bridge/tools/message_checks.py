"""What is wrong with a message for mail programs, spam filters and readers, though it can be sent."""

import re
from typing import NamedTuple

from lxml import html as lxml_html

from .finding import translatable as _
from .text_part import derive_text, hold_jinja, read_html, replace_jinja

CLIPPED = 102 * 1024  # bytes of HTML from which Gmail shows no more
_FOREIGN = re.compile(
    r"\*\|[A-Z][A-Z0-9_:]*\|\*|%%[A-Za-z]\w*%%|%[A-Z][A-Z0-9_]{2,}%|\$\{\w+\}|<%="
)  # Mailchimp's, others'
LONG_SUBJECT = 78  # characters; phones show half of it
FEW_WORDS = 20  # words below which a message with pictures is one picture


class Remark(NamedTuple):
    """A text and what fills it; said in the reader's language by whoever shows it."""

    text: str
    values: dict


def check_message(subject, html, text):
    """Return the `Remark`s about a template's parts, the gravest first."""
    held, _restore = hold_jinja(html)
    tree = read_html(held)
    words = len(re.findall(r"\w{2,}", derive_text(html)))
    remarks = [
        *_foreign(subject, html, text),
        *_size(html),
        *_links(tree),
        *_pictures(tree, words),
        *_subject(subject),
        *_reading(tree, words, text),
    ]
    return [Remark(message, values) for message, values in remarks]


def _foreign(*parts):
    tags = (_FOREIGN.search(replace_jinja(part or "", lambda _expression: "")) for part in parts)
    if tag := next(filter(None, tags), None):
        yield _("%(tag)s seems to be a tag of another program: it is sent as it stands"), {"tag": tag[0]}


def _size(html):
    size = len(html.encode())
    if size > CLIPPED:
        yield _("The HTML has %(size)s KB: Gmail cuts it after 102 KB"), {"size": size // 1024}


def _links(tree):
    targets = [(one.get("href") or "").strip() for one in tree.iter("a", "area")]
    insecure = [target for target in targets if target.lower().startswith("http://")]
    if insecure:
        yield _("%(count)s links without https, such as %(link)s"), {"count": len(insecure), "link": insecure[0][:80]}
    if empty := sum(target in ("", "#") for target in targets):
        yield _("%(count)s links lead nowhere"), {"count": empty}
    if next(tree.iter("form", "script", "iframe", "object", "embed", "video", "audio"), None) is not None:
        yield _("Forms, scripts, frames and players do not work in mail, and make it look like spam"), {}


def _pictures(tree, words):
    pictures = [one for one in tree.iter("img") if one.get("width") != "1"]
    if pictures and words < FEW_WORDS:
        yield _("Hardly any text beside the pictures: spam filters distrust it, and many programs show none"), {}
    if silent := sum(not (one.get("alt") or "").strip() and one.get("role") != "presentation" for one in pictures):
        yield (
            _("%(count)s pictures without a text (alt): nothing is read aloud, nothing is seen when they are blocked"),
            {"count": silent},
        )


def _subject(subject):
    held, _restore = hold_jinja(subject or "")
    bare = re.sub("\ue000\\d+\ue001", "", held)
    if len(bare) > LONG_SUBJECT:
        yield _("The subject has %(count)s characters; phones show about 40"), {"count": len(bare)}
    letters = [letter for letter in bare if letter.isalpha()]
    if len(letters) > 9 and sum(letter.isupper() for letter in letters) > 0.7 * len(letters):
        yield _("The subject is written in capitals"), {}
    if bare.count("!") > 1:
        yield _("More than one exclamation mark in the subject"), {}


def _reading(tree, words, text):
    if text and len(re.findall(r"\w{2,}", text)) * 3 < words:
        yield _("The plain-text part says much less than the HTML"), {}
    if not tree.get("lang"):
        yield _('No language is named (<html lang="…">): screen readers guess how to pronounce it'), {}
    small = re.search(r"font-size\s*:\s*([1-9](?:\.\d+)?)px", lxml_html.tostring(tree, encoding="unicode"))
    if small:
        yield _("Letters of %(size)s pixels are too small to read"), {"size": small[1]}
