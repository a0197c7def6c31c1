"""Reading a stranger's mail in a child process with budgets of time and memory.

Parsers of HTML, MIME and text that are fast on every ordinary mail need minutes for a few hundred kilobytes written to
that end. A child that goes beyond its budget ends, and the mail goes to quarantine; the next one gets a new child.
"""

import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

from ..exceptions import UnreadableMail
from .mail_frames import HEAD_SIZE, mail_from_frame, pack_frame, parts_to_frame, unpack_header
from .mime_message import Mail, parse_mail
from .visible_text import visible_text

SMALL = 8 * 1024  # bytes; nothing written in so few takes long, and most mails are read at once
WALL = 60.0  # seconds for one mail on a busy machine; its processor time is limited by the child itself
ANSWER_ROOM = 16 * 1024 * 1024  # bytes an answer may have beyond four times its mail
_START = """
import sys, types
package = types.ModuleType("lokario_inbox")
package.__path__ = [{path!r}]
sys.modules["lokario_inbox"] = package
from lokario_inbox.tools.fenced_child import main
main()
"""


class FencedReader:
    """Thread-safe: mails follow each other. A forked process starts a child of its own."""

    def __init__(self):
        self._lock = threading.Lock()
        self._process = None
        self._owner = None

    def parse_mail(self, raw: bytes) -> Mail:
        """As `mime_message.parse_mail`; raises UnreadableMail also for what goes beyond the budget."""
        return parse_mail(raw) if len(raw) <= SMALL else self._read({"operation": "whole"}, raw)

    def parse_partial(self, header: bytes, size: int, bodies: tuple, attachments) -> Mail:
        """As `mime_message.parse_partial`."""
        texts = [text.encode("utf-8", "replace") for text in bodies]
        parts, _contents = parts_to_frame(attachments)
        request = {"operation": "partial", "size": size, "plain": len(texts[0]), "html": len(texts[1]), "parts": parts}
        return self._read(request, texts[0] + texts[1] + header)

    def visible_text(self, markup: str) -> str:
        """As `visible_text.visible_text`; what goes beyond the budget has no visible text."""
        if len(markup) <= SMALL:
            return visible_text(markup)
        try:
            return self._ask({"operation": "visible"}, markup.encode("utf-8", "replace"))[0]["text"]
        except UnreadableMail:
            return ""

    def close(self):
        with self._lock:
            self._stop()

    def _read(self, request, blob):
        answer, contents = self._ask(request, blob)
        return mail_from_frame(answer["mail"], contents)

    def _ask(self, request, blob):
        with self._lock:
            self._ensure_running()
            try:
                self._write(pack_frame(request, blob))
                answer, contents = self._receive(time.monotonic() + WALL, 4 * len(blob) + ANSWER_ROOM)
            except (BrokenPipeError, EOFError, TimeoutError) as err:
                self._stop()
                raise UnreadableMail("This mail takes more time or memory to read than a mail may.") from err
        if "problem" in answer:
            raise UnreadableMail(answer["problem"])
        return answer, contents

    def _write(self, frame):
        view = memoryview(frame)
        while view:
            view = view[self._process.stdin.write(view) :]

    def _receive(self, deadline, most):
        text, contents = unpack_header(self._take(HEAD_SIZE, deadline))
        if text + contents > most:
            raise EOFError
        return json.loads(self._take(text, deadline)), self._take(contents, deadline)

    def _take(self, size, deadline):
        chunks, stream = [], self._process.stdout
        while size:
            if not select.select([stream], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError
            chunk = stream.read(min(size, 1024 * 1024))
            if not chunk:
                raise EOFError
            chunks.append(chunk)
            size -= len(chunk)
        return b"".join(chunks)

    def _ensure_running(self):
        if self._owner != os.getpid():
            self._process, self._owner = None, os.getpid()  # the pipes of a forked process are its parent's
        if self._process is None or self._process.poll() is not None:
            self._stop()
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START.format(path=str(Path(__file__).parents[1]))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env={},
            )

    def _stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None


reader = FencedReader()
