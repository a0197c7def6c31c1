"""The plain-text part of a mail: what its reader sees, without what its HTML hides."""

import re

from lxml import html as parser
from odoo.tools import html2plaintext

HIDDEN = "//*[contains(translate(@style, ' ', ''), 'display:none')]"  # the preview that lists of mails show
MARKED = ("b", "strong", "em")  # Odoo puts an asterisk behind, which people copy with the password before it
GAP = re.compile(r"\n(?:[^\S\n]*\n){2,}")


def plain_text(html: str) -> str:
    """Return the text of an HTML mail, with one empty line where there are several.

    >>> plain_text("<p style='display: none'>Preview</p><p>Due: <b style='color: red'>5 €</b></p>")
    'Due: 5 €'
    """
    page = parser.fragment_fromstring(str(html or ""), create_parent="div")
    for element in page.xpath(HIDDEN):
        element.drop_tree()
    for element in list(page.iter(MARKED)):
        element.drop_tag()
    return GAP.sub("\n\n", html2plaintext(parser.tostring(page, encoding="unicode"))).strip()
