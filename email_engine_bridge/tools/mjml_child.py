"""The fenced child that makes HTML of MJML: a hostile document ends it, and nothing else."""

import signal

from mjml import mjml2html

from odoo.addons.lokario_base.tools.fenced_child import raise_fence, serve

MEMORY = 256 * 1024 * 1024  # bytes above the idle child
PROCESSOR = 5.0  # seconds for one document; an ordinary one takes a millisecond


def main():
    raise_fence(MEMORY)
    serve(_answer)


def _answer(_request, body):
    signal.setitimer(signal.ITIMER_PROF, PROCESSOR)  # nothing handles SIGPROF: it ends the process, in C code too
    try:
        return {}, mjml2html(body.decode(), fonts={}).encode()  # a font is loaded from a stranger only by <mj-font>
    except ValueError as error:
        return {"problem": str(error)}, b""
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
