"""Parent side of the template worker: one fenced child process, replaced whenever it dies.

Fences, from the inside out: allow-listed syntax, caps on rounds and output, 100 ms of processor time
a message, RLIMIT_AS 64 MB above the idle worker, RLIMIT_CPU, and a wall clock kept by the parent.
"""

from typing import NamedTuple

from odoo.addons.lokario_base.tools.fenced_child import pack_frame
from odoo.addons.lokario_base.tools.fenced_process import BeyondBudget, FencedProcess

from ..exceptions import TemplateRejected

WALL = 5.0  # seconds a request may take on a busy machine, plus ROW_WALL a message
ROW_WALL = 0.1
TOO_MUCH = "The template needs too much memory or time"


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
        self._child = FencedProcess(f"{__package__}.sandbox.worker")

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
        try:
            with self._child.conversation():
                yield from self._stream({"op": "render", "parts": parts, "common": common or {}}, batches)
        except BeyondBudget as error:
            raise TemplateRejected(TOO_MUCH) from error

    def _stream(self, request, batches):
        frames = [(len(rows), pack_frame({**request, "rows": rows})) for rows in batches]
        ahead = False
        for index, (count, frame) in enumerate(frames):
            if not ahead:
                self._child.send(frame)
            # A request that fits into the pipe cannot block while the worker is writing its answer.
            following = frames[index + 1][1] if index + 1 < len(frames) else None
            ahead = following is not None and len(following) < self._child.pipe
            if ahead:
                self._child.send(following)
            answer, blob = self._child.receive(self._wall + count * ROW_WALL)
            yield _rendered(count, answer, _values(answer["sizes"], blob))
            if answer.get("retire"):
                self._child.renew()
                ahead = False

    @property
    def pid(self):
        return self._child.pid

    def close(self):
        self._child.close()

    def _ask(self, request):
        try:
            answer = self._child.ask(request, seconds=self._wall)[0]
        except BeyondBudget as error:
            raise TemplateRejected(TOO_MUCH) from error
        if answer.get("retire"):
            self._child.close()
        return answer


def _values(sizes, blob):
    """The texts that lie behind each other in ``blob``."""
    text = blob.decode()
    plain = len(text) == len(blob)
    values, start = [], 0
    for size in sizes:
        end = start + size
        values.append(text[start:end] if plain else blob[start:end].decode())
        start = end
    return values


def _rendered(count, answer, values):
    errors = {int(index): error for index, error in answer["errors"].items()}
    width = len(values) // max(1, count - len(errors))
    starts = iter(range(0, len(values), width or 1))
    rows = [None if index in errors else _slice(values, starts, width) for index in range(count)]
    return Rendered([Shape(*shape) for shape in answer["shapes"]], rows, answer["missing"], errors)


def _slice(values, starts, width):
    start = next(starts, 0)
    return values[start : start + width]
