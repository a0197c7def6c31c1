"""The scheduler is told: the greedy wait for the others, and keep to some of the processors.

To run only when nobody else wants to is not enough: of a hundred processes that wait so, each has its short turn
now and then, and who wants to answer a visitor waits for several of these. Processors where none of them runs help.

Control groups, where systemd has given them to us, share the processors among the instances' processes alone; what an
instance lets PostgreSQL do for it runs outside of them, so this looks at both.
"""

import contextlib
import logging
import os
import time
from collections.abc import Collection, Iterator
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
TICKS = os.sysconf("SC_CLK_TCK")  # a second
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Worker:
    """A process that works for the instance of the operating-system user ``uid``: its own, or PostgreSQL's."""

    pid: int
    uid: int
    parent: int
    is_session: bool
    seconds: float  # of processors, used up to now; its ended children's, too

    def wait(self, must_wait: bool, usual: set[int]) -> None:
        """Let it run only when no other wants to, on some of the ``usual`` processors; or as all others again."""
        if self.is_session:
            usual, usual_nice = os.sched_getaffinity(self.parent), os.getpriority(os.PRIO_PROCESS, 0)
            os.setpriority(os.PRIO_PROCESS, self.pid, SESSION_NICE if must_wait else usual_nice)
            os.sched_setaffinity(self.pid, _last_half(usual) if must_wait else usual)
            return
        processors = _last_half(usual) if must_wait else usual
        policy = os.SCHED_IDLE if must_wait else os.SCHED_OTHER
        for thread in self._threads():
            with contextlib.suppress(ProcessLookupError):  # a thread that has just ended
                os.sched_setscheduler(int(thread.name), policy, os.sched_param(0))
                os.sched_setaffinity(int(thread.name), processors)
        with contextlib.suppress(OSError):  # a kernel without them, or a session that has none: it must do without
            (PROC / str(self.pid) / "autogroup").write_text(str(AUTOGROUP_NICE if must_wait else 0))

    def wants_to_run(self) -> bool:
        """Whether it runs at this moment, or would if it had a processor."""
        states = []
        for thread in self._threads():
            with contextlib.suppress(OSError):
                states.append((thread / "stat").read_text().rpartition(") ")[2][:1])
        return "R" in states

    def _threads(self) -> list[Path]:
        try:
            return list((PROC / str(self.pid) / "task").iterdir())
        except OSError:  # it has just ended
            return []


class Fairness:
    """Looks at what instances have used since the last look. Of use to root alone.

    While one waits, its allowance grows again by its share, and full it ends the waiting.
    """

    def __init__(self):
        self._looked_at = time.monotonic()
        self._processors = os.sched_getaffinity(0)
        self._before: dict[int, float] = {}
        self._left: dict[int, float] = {}  # of their allowances; who is not here has used nothing of it
        self.waiting: set[int] = set()  # users
        self._is_refused = False

    def balance(self, roles: dict[int, str], sessions_of) -> bool:
        """Let those of these users wait who have used up their allowance while the machine is busy.

        Returns whether it was time for a look.

        :param roles: the PostgreSQL role of each user
        :param sessions_of: callable that returns ``{process: role}`` of these roles' sessions on this machine
        """
        now = time.monotonic()
        if (elapsed := now - self._looked_at) < INTERVAL:
            return False
        self._looked_at, is_busy = now, self._is_busy() and bool(roles)
        if not is_busy and not self.waiting:
            self._before, self._left = {}, {}
            return True
        with self._beside_those_who_wait():
            workers = _workers(roles, sessions_of(set(roles.values())))
            self._count(workers, elapsed, is_busy)
            used_up = {uid for uid, left in self._left.items() if left <= 0}
            recovered = {uid for uid in self.waiting if self._left.get(uid, ALLOWANCE) >= ALLOWANCE}
            self._let_wait(workers, (self.waiting | used_up) - recovered)
        return True

    @contextlib.contextmanager
    def _beside_those_who_wait(self):
        """The look itself takes milliseconds: none of those of the processors that the others have to themselves."""
        _keep_to(_last_half(self._processors) if self.waiting else self._processors)
        try:
            yield
        finally:
            _keep_to(self._processors)

    def _is_busy(self) -> bool:
        """Who is nice makes room by himself, and keeps nobody waiting; but our own who wait are nice, too."""
        times = psutil.cpu_times_percent()
        unused = times.idle + times.iowait + (0.0 if self.waiting else times.nice)
        return 100.0 - unused > BUSY

    def _count(self, workers: list[Worker], elapsed: float, is_busy: bool) -> None:
        """What those who wait use counts on a machine that has time left, too: that may be their processors alone."""
        used = dict.fromkeys({worker.uid for worker in workers} | self._left.keys(), 0.0)
        for worker in workers:
            if self._before and (is_busy or worker.uid in self.waiting):
                used[worker.uid] += worker.seconds - self._before.get(worker.pid, 0.0)
        for uid in self.waiting & used.keys():  # several share their processors, and each uses less than it wants
            if any(worker.uid == uid and worker.wants_to_run() for worker in workers):
                used[uid] = max(used[uid], SHARE * elapsed)
        for uid, seconds in used.items():
            left = self._left.get(uid, ALLOWANCE) + SHARE * elapsed - seconds
            self._left[uid] = max(0.0, min(ALLOWANCE, left))
        self._before = {worker.pid: worker.seconds for worker in workers}

    def _let_wait(self, workers: list[Worker], waiting: set[int]) -> None:
        for worker in workers:
            if worker.uid not in waiting | self.waiting:
                continue
            try:
                with contextlib.suppress(ProcessLookupError):  # it has just ended
                    worker.wait(worker.uid in waiting, self._processors)
            except OSError as error:
                self._refuse(error)
        self.waiting = waiting

    def _refuse(self, error: OSError) -> None:
        if not self._is_refused:
            _logger.info("Greedy instances cannot be slowed down (the host needs CAP_SYS_NICE): %s", error)
        self._is_refused = True


def _workers(roles: dict[int, str], sessions: dict[int, str]) -> list[Worker]:
    users = {role: uid for uid, role in roles.items()}
    return [
        Worker(pid, users[sessions[pid]] if pid in sessions else owner, parent, pid in sessions, seconds)
        for pid, owner, parent, seconds in _processes(roles.keys(), sessions.keys())
    ]


def _processes(owners: Collection[int], also: Collection[int]) -> Iterator[tuple[int, int, int, float]]:
    """Number, owner, parent and used seconds of these users' processes and ``also`` of these.

    Others may wait for a processor while this looks: psutil takes three times as long.
    """
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it has just ended
            owner = _owner(pid)
            if owner in owners or int(pid) in also:
                fields = _read(f"/proc/{pid}/stat").rpartition(b") ")[2].split()
                yield int(pid), owner, int(fields[1]), sum(map(int, fields[11:15])) / TICKS


def _owner(pid: str) -> int:
    """The real user; of a process into which nobody may look its folder is root's."""
    owner = os.stat(f"/proc/{pid}").st_uid
    return owner or int(_read(f"/proc/{pid}/status").partition(b"\nUid:")[2].split(maxsplit=1)[0])


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 8192)
    finally:
        os.close(descriptor)


def _keep_to(processors: Collection[int]) -> None:
    with contextlib.suppress(OSError):  # these were taken from us meanwhile
        os.sched_setaffinity(0, processors)


def _last_half(processors: set[int]) -> list[int]:
    """The others have the first half to themselves."""
    ordered = sorted(processors)
    return ordered[(len(ordered) + 1) // 2 :] or ordered
