"""The fenced child that makes HTML of MJML: a hostile document ends it, and nothing else."""

import re
import signal
import uuid

from mjml import mjml2html

from odoo.addons.lokario_base.tools.fenced_child import raise_fence, serve

from ..exceptions import TemplateRejected
from .mjml_structure import Structure, normalised
from .text_part import replace_jinja

MEMORY = 256 * 1024 * 1024  # bytes above the idle child
PROCESSOR = 5.0  # seconds for one document; an ordinary one takes a millisecond


def main():
    _compile("<mjml><mj-body><mj-text>{{ x }}</mj-text></mj-body></mjml>")  # what it loads cannot be loaded later
    raise_fence(MEMORY)
    serve(_answer)


def _answer(_request, body):
    signal.setitimer(signal.ITIMER_PROF, PROCESSOR)  # nothing handles SIGPROF: it ends the process, in C code too
    try:
        return {}, _compile(body.decode()).encode()
    except TemplateRejected as error:
        return {"text": error.text, "values": error.values}, b""
    except ValueError as error:
        return {"problem": str(error)}, b""
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _compile(source):
    Structure(source)
    mark, held = f"j{uuid.uuid4().hex}j", []

    def hold(expression):
        held.append(expression)
        return f"{mark}{len(held) - 1}j"

    document = normalised(replace_jinja(source, hold))
    html = mjml2html(document, fonts={})  # a font is loaded from a stranger only by <mj-font>
    return re.sub(rf"{mark}(\d+)j", lambda found: held[int(found[1])], html)
