"""Figures of the benchmarks: ours and the peer's in the same run, a goal, and whether it holds."""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from .console import say, table

ROUNDS = 5


@dataclass(frozen=True)
class Figure:
    """One measured line.

    ``ours`` and ``peer`` are in ``unit``; ``peer`` is None where nothing comparable exists. ``goal`` is a
    comparison such as "ratio <= 0.25" (ratio = ours / peer) or "ours <= 3".
    """

    name: str
    ours: float
    peer: float | None
    goal: str
    unit: str = "s"

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peer if self.peer else None

    @property
    def holds(self) -> bool:
        what, operator, bound = self.goal.split()
        value = self.ratio if what == "ratio" else self.ours
        if value is None:
            return False
        return value <= float(bound) if operator == "<=" else value >= float(bound)


def median(values: list[float]) -> float:
    return statistics.median(values)


def p95(values: list[float]) -> float:
    """The smallest value that at least 95 % of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def side_by_side(ours: Callable[[], object], peer: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """Median seconds of both, measured in turn so that a noisy machine is unfair to neither."""
    timings = [(seconds(ours), seconds(peer)) for _round in range(rounds)]
    return median([timing[0] for timing in timings]), median([timing[1] for timing in timings])


def report(figures: list[Figure], json_file: Path | None = None) -> int:
    """Print the table; 0 when every goal holds, else 1."""
    header = ["name", "ours", "peer", "ratio", "goal", "ok"]
    rows = [
        [
            figure.name,
            f"{figure.ours:.4g} {figure.unit}",
            f"{figure.peer:.4g} {figure.unit}" if figure.peer is not None else "-",
            f"{figure.ratio:.3g}" if figure.ratio is not None else "-",
            figure.goal,
            "ok" if figure.holds else "short",
        ]
        for figure in figures
    ]
    say(table(header, rows))
    if json_file:
        lines = [{**asdict(figure), "ratio": figure.ratio, "ok": figure.holds} for figure in figures]
        json_file.write_text(json.dumps(lines, indent=2) + "\n")
    return 0 if figures and all(figure.holds for figure in figures) else 1
