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
from typing import NamedTuple

from ..exceptions import TemplateRejected

WALL = 5.0  # seconds a request may take on a busy machine, plus ROW_WALL a message
ROW_WALL = 0.1
PIPE = 1024 * 1024  # bytes
_START = "import sys; sys.path.insert(0, {path!r}); from sandbox.worker import main; main()"


class Shape(NamedTuple):
    """A part as all messages have it: literals[0], value of holes[0], literals[1] …; holes are places in the values."""

    literals: list
    holes: list

    def fill(self, values):
        """The text of one message."""
        pieces = [""] * (2 * len(self.holes) + 1)
        pieces[::2] = self.literals
        pieces[1::2] = [values[hole] for hole in self.holes]
        return "".join(pieces)


class Rendered(NamedTuple):
    """A batch: the parts' shapes, each row's values (None where `errors[row]` says why), names that were missing."""

    shapes: list
    rows: list
    missing: dict
    errors: dict

    @property
    def texts(self):
        """One list of texts per row, or None."""
        return [values if values is None else [shape.fill(values) for shape in self.shapes] for values in self.rows]


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
            return self._ask(request)
        except TemplateRejected as error:
            return {"error": {"message": str(error), "line": 1, "column": 1}}

    def render_batch(self, parts, rows):
        """`Rendered` of one batch; parts: [(source, kind, keep_tags)]; rows: one dict of JSON values a message."""
        [result] = self.render_batches(parts, [rows])
        return result

    def render_batches(self, parts, batches, common=None):
        """Yield what `render_batch` gives for each of the batches, the next one rendered meanwhile.

        common: values that all rows have.
        """
        with self._lock:
            self._ensure_running()
            try:
                yield from self._stream({"op": "render", "parts": parts, "common": common or {}}, batches)
            except (BrokenPipeError, EOFError, TimeoutError) as error:
                self._stop()
                raise TemplateRejected("The template needs too much memory or time") from error
            except GeneratorExit:
                self._stop()  # an answer may be on its way that nobody reads
                raise

    def _stream(self, request, batches):
        payloads = [(len(rows), self._payload({**request, "rows": rows})) for rows in batches]
        ahead = False
        for index, (count, payload) in enumerate(payloads):
            if not ahead:
                self._write(payload)
            # A request that fits into the pipe cannot block while the worker is writing its answer.
            following = payloads[index + 1][1] if index + 1 < len(payloads) else None
            ahead = following is not None and len(following) < self._pipe
            if ahead:
                self._write(following)
            answer, values = self._receive(time.monotonic() + self._wall + count * ROW_WALL)
            yield _rendered(count, answer, values)
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
                answer = self._receive(time.monotonic() + self._wall)[0]
            except (BrokenPipeError, EOFError, TimeoutError) as error:
                self._stop()
                raise TemplateRejected("The template needs too much memory or time") from error
            if answer.get("retire"):
                self._stop()
            return answer

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
        text = blob.decode()
        plain = len(text) == len(blob)
        values, start = [], 0
        for size in answer["sizes"]:
            end = start + size
            values.append(text[start:end] if plain else blob[start:end].decode())
            start = end
        return answer, values

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


def _rendered(count, answer, values):
    errors = {int(index): error for index, error in answer["errors"].items()}
    width = len(values) // max(1, count - len(errors))
    starts = iter(range(0, len(values), width or 1))
    rows = [None if index in errors else _slice(values, starts, width) for index in range(count)]
    return Rendered([Shape(*shape) for shape in answer["shapes"]], rows, answer["missing"], errors)


def _slice(values, starts, width):
    start = next(starts, 0)
    return values[start : start + width]


def _enlarged(pipe):
    """Give the pipe a megabyte if the system lets us; returns its size in bytes."""
    try:
        return fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)
    except OSError:
        return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
