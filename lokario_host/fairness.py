"""Where nothing else shares the processors among instances, the scheduler is told: the greedy wait for the others.

Control groups, where systemd has given them to us, do this among the instances' processes; what an instance lets
PostgreSQL do for it runs outside of them, so this looks at both.
"""

import contextlib
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

INTERVAL = 0.5  # seconds between two looks
BUSY = 80.0  # percent of all processors; below nobody has to wait for anybody
SHARE = 0.5  # of one processor, which an instance may use all the time
ALLOWANCE = 2.0  # seconds of a processor that it may use beyond: to start, to print, to import a file
SESSION_NICE = 15  # of PostgreSQL's sessions: who waits for a lock of theirs must not wait for ever
AUTOGROUP_NICE = 19  # where the kernel shares the processors among login sessions first (sched_autogroup_enabled)
PROC = Path("/proc")
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Worker:
    """A process that works for the instance of the operating-system user ``uid``: its own, or PostgreSQL's."""

    pid: int
    uid: int
    is_session: bool
    seconds: float  # of processors, used up to now; its ended children's, too

    def wait(self, must_wait: bool) -> None:
        """Let it run only when no other wants to, or as all others again."""
        if self.is_session:
            usual = os.getpriority(os.PRIO_PROCESS, 0)
            os.setpriority(os.PRIO_PROCESS, self.pid, SESSION_NICE if must_wait else usual)
            return
        policy = os.SCHED_IDLE if must_wait else os.SCHED_OTHER
        for thread in (PROC / str(self.pid) / "task").iterdir():
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):  # a thread that has just ended
                os.sched_setscheduler(int(thread.name), policy, os.sched_param(0))
        with contextlib.suppress(OSError):  # a kernel without them, or a session that has none: it must do without
            (PROC / str(self.pid) / "autogroup").write_text(str(AUTOGROUP_NICE if must_wait else 0))


class Fairness:
    """Looks at what instances have used since the last look. Of use to root alone.

    While one waits, its allowance grows again by its share, and full it ends the waiting.
    """

    def __init__(self):
        self._looked_at = time.monotonic()
        self._before: dict[int, float] = {}
        self._left: dict[int, float] = {}  # of their allowances; who is not here has used nothing of it
        self._waiting: set[int] = set()
        self._is_refused = False

    def balance(self, roles: dict[int, str], sessions_of) -> None:
        """Let those of these users wait who have used up their allowance while the machine is busy.

        :param roles: the PostgreSQL role of each user
        :param sessions_of: callable that returns ``{process: role}`` of these roles' sessions on this machine
        """
        now = time.monotonic()
        if (elapsed := now - self._looked_at) < INTERVAL:
            return
        self._looked_at, is_busy = now, self._is_busy() and bool(roles)
        if not is_busy and not self._waiting:
            self._before, self._left = {}, {}
            return
        workers = _workers(roles, sessions_of(set(roles.values())))
        self._count(workers, elapsed, is_busy)
        used_up = {uid for uid, left in self._left.items() if left <= 0}
        recovered = {uid for uid in self._waiting if self._left.get(uid, ALLOWANCE) >= ALLOWANCE}
        self._let_wait(workers, (self._waiting | used_up) - recovered)

    def _is_busy(self) -> bool:
        """Who is nice makes room by himself, and keeps nobody waiting; but our own who wait are nice, too."""
        times = psutil.cpu_times_percent()
        unused = times.idle + times.iowait + (0.0 if self._waiting else times.nice)
        return 100.0 - unused > BUSY

    def _count(self, workers: list[Worker], elapsed: float, is_busy: bool) -> None:
        used = dict.fromkeys({worker.uid for worker in workers} | self._left.keys(), 0.0)
        if is_busy and self._before:
            for worker in workers:
                used[worker.uid] += worker.seconds - self._before.get(worker.pid, 0.0)
        for uid, seconds in used.items():
            left = self._left.get(uid, ALLOWANCE) + SHARE * elapsed - seconds
            self._left[uid] = max(0.0, min(ALLOWANCE, left))
        self._before = {worker.pid: worker.seconds for worker in workers}

    def _let_wait(self, workers: list[Worker], waiting: set[int]) -> None:
        for worker in workers:
            if worker.uid not in waiting | self._waiting:
                continue
            try:
                with contextlib.suppress(ProcessLookupError, FileNotFoundError):  # it has just ended
                    worker.wait(worker.uid in waiting)
            except OSError as error:
                self._refuse(error)
        self._waiting = waiting

    def _refuse(self, error: OSError) -> None:
        if not self._is_refused:
            _logger.info("Greedy instances cannot be slowed down (the host needs CAP_SYS_NICE): %s", error)
        self._is_refused = True


def _workers(roles: dict[int, str], sessions: dict[int, str]) -> list[Worker]:
    users, found = {role: uid for uid, role in roles.items()}, []
    for process in psutil.process_iter(["uids", "cpu_times"]):
        times, owner = process.info["cpu_times"], process.info["uids"] and process.info["uids"].real
        is_session = owner not in roles
        uid = users.get(sessions.get(process.pid)) if is_session else owner
        if uid is not None and times:
            found.append(Worker(process.pid, uid, is_session, sum(times[:4])))
    return found
