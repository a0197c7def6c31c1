"""What a person sees while something long happens."""

import sys
import time
from contextlib import contextmanager


class Failure(Exception):
    """A step cannot go on; the message is one clear sentence that says what to do."""


def fail(message: str, code: int = 1) -> int:
    sys.stdout.flush()
    print(f"lokario: {message}", file=sys.stderr)
    return code


def say(message: str = "") -> None:
    print(message, flush=True)


class Phases:
    """Named phases with their duration, printed as they end and kept for a closing table."""

    def __init__(self, total: int = 0):
        self.total = total
        self.done: list[tuple[str, float]] = []

    @contextmanager
    def phase(self, name: str):
        number = len(self.done) + 1
        label = f"[{number}/{self.total}]" if self.total >= number else f"[{number}]"
        print(f"{label} {name} …", flush=True)
        start = time.monotonic()
        yield
        seconds = time.monotonic() - start
        self.done.append((name, seconds))
        print(f"{label} {name}: {seconds:.1f} s", flush=True)

    @property
    def seconds(self) -> float:
        return sum(seconds for _name, seconds in self.done)


def table(header: list[str], rows: list[list]) -> str:
    """The rows as an aligned text table."""
    cells = [header, *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([lines[0], "-+-".join("-" * width for width in widths), *lines[1:]])
