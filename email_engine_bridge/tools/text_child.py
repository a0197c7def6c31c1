"""The fenced child that reads texts of templates: what is fast on each that people write may take minutes on others.

Python's parser of HTML, for one, reads what follows an open tag again for each of them.
"""

import json
import signal

from odoo.addons.lokario_base.tools.fenced_child import raise_fence, serve

from . import campaign_content, message_checks, text_part

MEMORY = 512 * 1024 * 1024  # bytes above the idle child
PROCESSOR = 2.0  # seconds for one template; an ordinary one takes some milliseconds
OPERATIONS = {
    "derive_text": text_part.derive_text,
    "check_message": message_checks.check_message,
    "prepare": lambda **given: vars(campaign_content.prepare(**given)),
}


def main():
    page = '<?xml version="1.0"?><p style="color:red">é {{ x }} <a href="https://x.test/&amp;">x</a></p>'
    campaign_content.prepare((page,), page, "", track_opens=True, track_clicks=True)  # loads what behind the fence
    message_checks.check_message(page, page, page)  # could not be loaded
    raise_fence(MEMORY)
    serve(_answer)


def _answer(request, body):
    signal.setitimer(signal.ITIMER_PROF, PROCESSOR)  # nothing handles SIGPROF: it ends the process, in C code too
    try:
        return {}, json.dumps(OPERATIONS[request["operation"]](**json.loads(body))).encode()
    except (MemoryError, RecursionError):
        return {"beyond": True}, b""
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
