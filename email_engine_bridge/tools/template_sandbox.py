"""Parent side of the template worker: one fenced child process, replaced whenever it dies.

Fences, from the inside out: allow-listed syntax, caps on rounds and output, 100 ms of processor time
a message, RLIMIT_AS 64 MB above the idle worker, RLIMIT_CPU, and a wall clock kept by the parent.
"""

import fcntl
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
PIPE = 1024 * 1024  # bytes
_START = "import sys; sys.path.insert(0, {path!r}); from sandbox.worker import main; main()"


class TemplateSandbox:
    """Thread-safe: requests to one worker follow each other."""

    def __init__(self, wall=WALL):
        self._wall = wall
        self._lock = threading.Lock()
        self._process = None
        self._pipe = 0

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
        [result] = self.render_batches(parts, [rows])
        return result

    def render_batches(self, parts, batches):
        """Yield what `render_batch` gives for each of the batches, the next one rendered meanwhile."""
        with self._lock:
            self._ensure_running()
            try:
                yield from self._stream(parts, batches)
            except (BrokenPipeError, EOFError, TimeoutError) as error:
                self._stop()
                raise TemplateRejected("The template needs too much memory or time") from error
            except GeneratorExit:
                self._stop()  # an answer may be on its way that nobody reads
                raise

    def _stream(self, parts, batches):
        payloads = [(rows, self._payload({"op": "render", "parts": parts, "rows": rows})) for rows in batches]
        ahead = False
        for index, (rows, payload) in enumerate(payloads):
            if not ahead:
                self._write(payload)
            # A request that fits into the pipe cannot block while the worker is writing its answer.
            following = payloads[index + 1][1] if index + 1 < len(payloads) else None
            ahead = following is not None and len(following) < self._pipe
            if ahead:
                self._write(following)
            answer, texts = self._receive(time.monotonic() + self._wall + len(rows) * ROW_WALL)
            yield _result(parts, rows, answer, texts)
            if answer.get("retire"):
                self._stop()
                self._ensure_running()
                ahead = False

    @property
    def pid(self):
        return self._process.pid if self._process else None

    def close(self):
        with self._lock:
            self._stop()

    def _ask(self, request):
        with self._lock:
            self._ensure_running()
            try:
                self._write(self._payload(request))
                answer, texts = self._receive(time.monotonic() + self._wall)
            except (BrokenPipeError, EOFError, TimeoutError) as error:
                self._stop()
                raise TemplateRejected("The template needs too much memory or time") from error
            if answer.get("retire"):
                self._stop()
            return answer, texts

    def _payload(self, request):
        data = json.dumps(request, default=str).encode()
        return struct.pack("!I", len(data)) + data

    def _write(self, payload):
        self._process.stdin.write(payload)
        self._process.stdin.flush()

    def _receive(self, deadline):
        size = struct.unpack("!I", self._read(4, deadline))[0]
        answer = json.loads(self._read(size, deadline))
        blob = self._read(sum(answer["sizes"]), deadline)
        texts, position = [], 0
        for length in answer["sizes"]:
            texts.append(blob[position : position + length].decode())
            position += length
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
            self._pipe = min(_enlarged(self._process.stdin), _enlarged(self._process.stdout)) - 4096

    def _stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None


def _result(parts, rows, answer, texts):
    errors = {int(index): error for index, error in answer["errors"].items()}
    width = len(parts)
    result = [None if index in errors else texts[index * width : (index + 1) * width] for index in range(len(rows))]
    return result, answer["missing"], errors


def _enlarged(pipe):
    """Give the pipe a megabyte if the system lets us; returns its size in bytes."""
    try:
        return fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)
    except OSError:
        return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
