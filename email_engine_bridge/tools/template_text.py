"""What is computed from a template's texts: a short one at once, a long one in a fenced child.

For a program's caller may send half a megabyte that was written to take minutes.
"""

import json

from odoo.addons.lokario_base.tools.fenced_process import BeyondBudget, FencedProcess

from ..exceptions import TemplateRejected
from .campaign_content import Content
from .finding import translatable as _
from .message_checks import Remark
from .text_child import OPERATIONS

SHORT = 4096  # characters of all texts together: the worst takes some milliseconds
WALL = 60.0  # seconds on a busy machine; the processor time is limited by the child itself
ROOM = 64 * 1024 * 1024  # bytes of an answer

_reader = FencedProcess(f"{__package__}.text_child")


def derive_text(html):
    """Readable text of an HTML template; see `text_part`, and below for what is raised."""
    return _compute("derive_text", html=html)


def check_message(subject, html, text):
    """The `Remark`s about a template's parts; see `message_checks`, and below for what is raised."""
    return [Remark(*remark) for remark in _compute("check_message", subject=subject, html=html, text=text)]


def prepare(subjects, html, text, **options):
    """The `Content` of a message; see `campaign_content`, and below for what is raised."""
    content = Content(**_compute("prepare", subjects=subjects, html=html, text=text, **options))
    content.subjects = tuple(content.subjects)
    return content


def _compute(operation, **given):
    """The answer of an operation; raises `TemplateRejected` where it would take too long."""
    encoded = json.dumps(given)
    if len(encoded) <= SHORT:
        return OPERATIONS[operation](**given)
    try:
        answer, body = _reader.ask({"operation": operation}, encoded.encode(), seconds=WALL, room=ROOM)
    except BeyondBudget as error:
        raise _refusal() from error
    if "beyond" in answer:
        raise _refusal()
    return json.loads(body)


def _refusal():
    return TemplateRejected(_("The template takes too long to read: make it shorter, or simpler"))
