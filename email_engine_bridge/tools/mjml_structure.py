"""The structure of an MJML document, checked with line and column before the compiler sees it."""

import re
from html.parser import HTMLParser

from ..exceptions import TemplateRejected
from .finding import translatable as _
from .text_part import replace_jinja

MAX_DEPTH = 60
COMPONENTS = {
    "mjml", "mj-accordion", "mj-accordion-element", "mj-accordion-text", "mj-accordion-title", "mj-all",
    "mj-attributes", "mj-body", "mj-breakpoint", "mj-button", "mj-carousel", "mj-carousel-image", "mj-class",
    "mj-column", "mj-divider", "mj-font", "mj-group", "mj-head", "mj-hero", "mj-image", "mj-navbar",
    "mj-navbar-link", "mj-preview", "mj-raw", "mj-section", "mj-social", "mj-social-element", "mj-spacer",
    "mj-style", "mj-table", "mj-text", "mj-title", "mj-wrapper",
}  # fmt: skip
# The compiler's own reading is stricter: no declaration, and names of tags in lower case.
_DECLARATIONS = re.compile(r"\A\s*(?:<\?xml[^>]*>\s*)?(?:<!doctype[^>]*>)?", re.IGNORECASE)
_TAG_NAME = re.compile(r"</?[A-Za-z][A-Za-z0-9-]*")
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Structure(HTMLParser):
    """Refuses what the compiler would refuse without a line, or take silently; raises `TemplateRejected`."""

    def __init__(self, source):
        super().__init__(convert_charrefs=False)
        self._open = []  # (tag, line, column)
        self._roots = 0
        self.feed(replace_jinja(source, lambda expression: re.sub(r"[^\n]", "x", expression)))
        self.close()
        if self._open:
            tag, *position = self._open[-1]
            self._refuse(_("line %(line)s, column %(column)s: <%(tag)s> is not closed"), position, tag=tag)
        if not self._roots:
            self._refuse(_("line %(line)s, column %(column)s: MJML begins with <mjml>"), (1, 1))

    def handle_starttag(self, tag, attrs):
        self._begin(tag, dict(attrs))
        if tag not in _VOID:
            self._open.append((tag, *self._position()))
            if len(self._open) > MAX_DEPTH:
                self._refuse(_("line %(line)s, column %(column)s: <%(tag)s> is nested too deeply"), tag=tag)

    def handle_startendtag(self, tag, attrs):
        self._begin(tag, dict(attrs))

    def handle_endtag(self, tag):
        if tag in _VOID:
            return
        if not self._open or self._open[-1][0] != tag:
            self._refuse_end(tag)
        self._open.pop()

    def _begin(self, tag, attributes):
        if not self._open and (tag != "mjml" or self._roots):
            self._refuse(_("line %(line)s, column %(column)s: everything stands within one <mjml>"))
        self._roots += tag == "mjml"
        if tag == "mj-include":
            self._refuse(_("line %(line)s, column %(column)s: <mj-include> reads files, which a template cannot"))
        if tag.startswith("mj") and tag not in COMPONENTS:
            self._refuse(_("line %(line)s, column %(column)s: MJML has no <%(tag)s>"), tag=tag)
        if tag == "mj-social-element" and not attributes.get("src"):
            self._refuse(
                _(
                    "line %(line)s, column %(column)s: give the picture's address (src); without one each reader's"
                    " mail program would load it from a stranger"
                )
            )

    def _refuse_end(self, tag):
        if not self._open:
            self._refuse(_("line %(line)s, column %(column)s: </%(tag)s> closes nothing"), tag=tag)
        opened, line, _column = self._open[-1]
        text = _(
            "line %(line)s, column %(column)s: </%(tag)s> stands where <%(opened)s> of line %(begun)s must be closed"
        )
        self._refuse(text, tag=tag, opened=opened, begun=line)

    def _position(self):
        line, column = self.getpos()
        return line, column + 1

    def _refuse(self, text, position=None, **values):
        line, column = position or self._position()
        raise TemplateRejected(text, line=line, column=column, **values)


def normalised(source):
    """The document, whose structure is right, as the compiler takes it."""
    return _TAG_NAME.sub(lambda found: found[0].lower(), _DECLARATIONS.sub("", source))
