"""Figures of the benchmarks: ours and the peer's in the same run, a goal, and whether it holds."""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from lokario_cli.console import say, table

ROUNDS = 5


@dataclass(frozen=True)
class Result:
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


def report(results: list[Result], json_file: Path | None = None) -> int:
    """Print the table; 0 when every goal holds, else 1."""
    header = ["name", "ours", "peer", "ratio", "goal", "ok"]
    rows = [
        [
            result.name,
            f"{result.ours:.4g} {result.unit}",
            f"{result.peer:.4g} {result.unit}" if result.peer is not None else "-",
            f"{result.ratio:.3g}" if result.ratio is not None else "-",
            result.goal,
            "ok" if result.holds else "short",
        ]
        for result in results
    ]
    say(table(header, rows))
    if json_file:
        lines = [{**asdict(result), "ratio": result.ratio, "ok": result.holds} for result in results]
        json_file.write_text(json.dumps(lines, indent=2) + "\n")
    return 0 if results and all(result.holds for result in results) else 1
