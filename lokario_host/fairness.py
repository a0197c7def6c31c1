"""Where no control groups share the processors among instances, nice values do: the greedy wait for the others."""

import contextlib
import os
import time
from collections import Counter

import psutil

INTERVAL = 1.0  # seconds between two looks
BUSY = 80.0  # percent of all processors; below nobody has to wait for anybody
GREEDY = 0.5  # of one processor
WAITS = 19  # nice value


class Fairness:
    """Looks at what the users of instances have spent since the last look. Of use to root alone."""

    def __init__(self):
        self._looked_at = time.monotonic()
        self._spent: Counter[int] = Counter()
        self._waiting: set[int] = set()

    def balance(self, uids: set[int]) -> None:
        """Let those of these users wait who are greedy while the machine is busy, the others no longer."""
        now = time.monotonic()
        if now - self._looked_at < INTERVAL:
            return
        elapsed, self._looked_at = now - self._looked_at, now
        greedy = self._greedy(uids, elapsed) if psutil.cpu_percent() > BUSY else set()
        for uid in self._waiting ^ greedy:
            with contextlib.suppress(ProcessLookupError):
                os.setpriority(os.PRIO_USER, uid, WAITS if uid in greedy else 0)
        self._waiting = greedy

    def _greedy(self, uids: set[int], elapsed: float) -> set[int]:
        spent = Counter()
        for process in psutil.process_iter(["uids", "cpu_times"]):
            if process.info["uids"] and process.info["uids"].real in uids:
                spent[process.info["uids"].real] += sum(process.info["cpu_times"][:4])  # its own, its children's
        before, self._spent = self._spent, spent
        return {uid for uid, seconds in spent.items() if seconds - before.get(uid, seconds) > GREEDY * elapsed}
