"""MJML, the second form of a template: its structure is checked with line and column, mrml makes HTML of it.

mrml (`mjml-python`) ends its process on some hostile inputs and names no line, so it runs in a fenced child, behind our
own check, which a hostile document can keep busy, too. Jinja2 and merge tags are kept: only marks of them reach mrml.
"""

from odoo.addons.lokario_base.tools.fenced_process import BeyondBudget, FencedProcess

from ..exceptions import TemplateRejected
from .finding import translatable as _

WALL = 30.0  # seconds on a busy machine; the processor time is limited by the child itself
ROOM = 8 * 1024 * 1024  # bytes of HTML

_compiler = FencedProcess(f"{__package__}.mjml_child")


def compile_mjml(source):
    """Return the HTML of an MJML document; raises `TemplateRejected`, with line and column where they are known."""
    try:
        answer, html = _compiler.ask({}, source.encode(), seconds=WALL, room=ROOM)
    except BeyondBudget as error:
        raise TemplateRejected(_("This MJML cannot be made into HTML: try it with fewer parts")) from error
    if "text" in answer:
        raise TemplateRejected(answer["text"], **answer["values"])
    if "problem" in answer:
        raise TemplateRejected(_("This MJML cannot be made into HTML: %(why)s"), why=answer["problem"])
    return html.decode()
