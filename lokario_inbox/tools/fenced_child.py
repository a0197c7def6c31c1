"""The fenced child: reads one mail a frame from stdin, answers on stdout, ends when one goes beyond its budget."""

import gc
import json
import os
import resource
import signal
import sys

from ..exceptions import UnreadableMail
from .mail_frames import HEAD_SIZE, mail_to_frame, pack_frame, parts_from_frame, unpack_header
from .mime_html import sanitise, to_text
from .mime_message import parse_mail, parse_partial
from .visible_text import visible_text

MEMORY = 512 * 1024 * 1024  # bytes above the idle child
PROCESSOR = 4.0  # seconds for one mail


def main():
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    to_text(sanitise("<style>p{color:red}</style><p hidden>é</p>"))  # loads what is needed
    _fence()
    while len(head := source.read(HEAD_SIZE)) == HEAD_SIZE:
        text, blob = unpack_header(head)
        request = json.loads(source.read(text))
        sink.write(_answer(request, source.read(blob)))
        sink.flush()


def _answer(request, blob):
    signal.setitimer(signal.ITIMER_PROF, PROCESSOR)  # nothing handles SIGPROF: it ends the process, in C code too
    try:
        return pack_frame(*_OPERATIONS[request["operation"]](request, blob))
    except UnreadableMail as err:
        return pack_frame({"problem": str(err)}, b"")
    except MemoryError:
        os._exit(1)
    except Exception as err:  # noqa: BLE001  what no parser foresaw: the mail goes to quarantine with this text
        return pack_frame({"problem": f"{type(err).__name__}: {err}"[:500]}, b"")
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


_OPERATIONS = {"whole": _whole, "partial": _partial, "visible": _visible}


def _fence():
    """Drop what reading a mail never needs: memory, new files, new processes, core dumps."""
    gc.freeze()
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY,) * 2)
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))
