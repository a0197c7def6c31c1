"""Parent side of the template worker: one fenced child process, replaced whenever it dies.

Fences, from the inside out: allow-listed syntax, caps on rounds and output, 100 ms of processor time
a message, RLIMIT_AS 64 MB above the idle worker, RLIMIT_CPU, and a wall clock kept by the parent.
"""

import json
import select
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from ..exceptions import TemplateRejected

WALL = 5.0  # seconds a request may take on a busy machine, plus ROW_WALL a message
ROW_WALL = 0.1
_START = "import sys; sys.path.insert(0, {path!r}); from sandbox.worker import main; main()"


class TemplateSandbox:
    """Thread-safe: requests to one worker follow each other."""

    def __init__(self, wall=WALL):
        self._wall = wall
        self._lock = threading.Lock()
        self._process = None

    def inspect(self, source, kind="html", keep_tags=False):
        """{"variables": [...]} or {"error": {"message", "line", "column"}}."""
        request = {"op": "inspect", "source": source, "kind": kind, "keep_tags": keep_tags}
        try:
            return self._ask(request)[0]
        except TemplateRejected as error:
            return {"error": {"message": str(error), "line": 1, "column": 1}}

    def render_batch(self, parts, rows):
        """(texts, missing, errors): one list of texts per row, None where `errors[row]` says why.

        parts: [(source, kind, keep_tags)]; rows: one dict of JSON values a message.
        """
        answer, texts = self._ask({"op": "render", "parts": parts, "rows": rows}, len(rows))
        errors = {int(index): error for index, error in answer["errors"].items()}
        width = len(parts)
        result = [None if index in errors else texts[index * width : (index + 1) * width] for index in range(len(rows))]
        return result, answer["missing"], errors

    @property
    def pid(self):
        return self._process.pid if self._process else None

    def close(self):
        with self._lock:
            self._stop()

    def _ask(self, request, rows=0):
        payload = json.dumps(request, default=str).encode()
        with self._lock:
            self._ensure_running()
            deadline = time.monotonic() + self._wall + rows * ROW_WALL
            try:
                return self._exchange(payload, deadline)
            except (BrokenPipeError, EOFError, TimeoutError) as error:
                self._stop()
                raise TemplateRejected("The template needs too much memory or time") from error

    def _exchange(self, payload, deadline):
        self._process.stdin.write(struct.pack("!I", len(payload)) + payload)
        self._process.stdin.flush()
        size = struct.unpack("!I", self._read(4, deadline))[0]
        answer = json.loads(self._read(size, deadline))
        blob = self._read(sum(answer["sizes"]), deadline)
        texts, position = [], 0
        for length in answer["sizes"]:
            texts.append(blob[position : position + length].decode())
            position += length
        if answer.get("retire"):
            self._stop()
        return answer, texts

    def _read(self, size, deadline):
        chunks, stream = [], self._process.stdout
        while size:
            if not select.select([stream], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError
            chunk = stream.read(size)
            if not chunk:
                raise EOFError
            chunks.append(chunk)
            size -= len(chunk)
        return b"".join(chunks)

    def _ensure_running(self):
        if self._process is None or self._process.poll() is not None:
            self._stop()
            start = _START.format(path=str(Path(__file__).parent))
            self._process = subprocess.Popen(
                [sys.executable, "-c", start],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env={},
                close_fds=True,
            )

    def _stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None
