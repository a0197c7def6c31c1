"""The fenced child: reads frames of mails from stdin, answers on stdout, ends when one mail goes beyond its budget."""

import os
import signal

from odoo.addons.lokario_base.tools.fenced_child import raise_fence, serve

from ..exceptions import UnreadableMail
from .mail_frames import mail_to_frame, parts_from_frame
from .mime_html import sanitise, to_text
from .mime_message import parse_mail, parse_partial
from .visible_text import visible_text

MEMORY = 512 * 1024 * 1024  # bytes above the idle child
PROCESSOR = 4.0  # seconds for one mail


def main():
    to_text(sanitise("<style>p{color:red}</style><p hidden>é</p>"))  # loads what is needed
    raise_fence(MEMORY, opens_files=True)
    serve(_answer)


def _answer(request, blob):
    if request["operation"] == "mails":
        return _several(request["sizes"], blob)
    return _within_budget(_OPERATIONS[request["operation"]], request, blob)


def _several(sizes, blob):
    """Each mail with a budget of its own."""
    answers, contents, start = [], [], 0
    for size in sizes:
        answer, content = _within_budget(_whole, {}, blob[start : start + size])
        answers.append({**answer, "length": len(content)})
        contents.append(content)
        start += size
    return {"mails": answers}, b"".join(contents)


def _within_budget(operation, request, blob):
    signal.setitimer(signal.ITIMER_PROF, PROCESSOR)  # nothing handles SIGPROF: it ends the process, in C code too
    try:
        return operation(request, blob)
    except UnreadableMail as err:
        return {"problem": str(err)}, b""
    except MemoryError:
        os._exit(1)
    except Exception as err:  # noqa: BLE001  what no parser foresaw: the mail goes to quarantine with this text
        return {"problem": f"{type(err).__name__}: {err}"[:500]}, b""
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _whole(_request, raw):
    return _framed(parse_mail(raw))


def _partial(request, blob):
    plain, html = request["plain"], request["html"]
    bodies = blob[:plain].decode(), blob[plain : plain + html].decode()
    parts = parts_from_frame(request["parts"], b"")
    return _framed(parse_partial(blob[plain + html :], request["size"], bodies, parts))


def _visible(_request, blob):
    return {"text": visible_text(blob.decode())}, b""


def _framed(mail):
    values, contents = mail_to_frame(mail)
    return {"mail": values}, contents


_OPERATIONS = {"partial": _partial, "visible": _visible}
