"""What one instance may take of the machine: by its plan, with these figures where it names none."""

import contextlib
import os
from pathlib import Path

MEGABYTE = 1024 * 1024
DEFAULTS = {
    "memory_mb": 2048,
    "processes": 256,
    "files": 1024,
    "cpu_percent": 0,  # of one processor; 0: as much as the others leave
}
FILE_SIZE = 4096 * MEGABYTE
CGROUPS = Path("/sys/fs/cgroup")
OWN = "host"  # the group of supervisor and parents, once instances have groups beside it
CPU_PERIOD = 100_000  # microseconds


def of_plan(given: dict[str, int]) -> dict[str, int]:
    """The figures of a plan; what it does not name, or sets to nothing, is the default."""
    return {name: given.get(name) or default for name, default in DEFAULTS.items()}


def for_processes(figures: dict[str, int]) -> dict[str, int]:
    """The limits that each process carries itself (setrlimit), wherever it runs."""
    return {
        "RLIMIT_DATA": figures["memory_mb"] * MEGABYTE,  # not RLIMIT_AS: Chromium reserves far more than it uses
        "RLIMIT_NOFILE": figures["files"],
        "RLIMIT_NPROC": figures["processes"],
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": FILE_SIZE,
    }


class Groups:
    """A control group (version 2) for each instance, below the one that systemd has given us: `Delegate=yes`.

    They count all processes of an instance together, what no limit of a process does, and share the processors among
    instances, not processes. Without one of our own, nothing is done here.
    """

    def __init__(self, folder: Path | None):
        self.folder = folder

    @classmethod
    def delegated(cls, membership: str | None = None, root: Path = CGROUPS):
        """Our own group, if controllers were given to it; ``membership`` is what /proc/self/cgroup says."""
        text = Path("/proc/self/cgroup").read_text() if membership is None else membership
        path = next((line[3:] for line in text.splitlines() if line.startswith("0::")), "/")
        folder = root / path.lstrip("/")
        controllers = folder / "cgroup.controllers"
        is_ours = path != "/" and os.access(folder / "cgroup.subtree_control", os.W_OK) and controllers.exists()
        if not is_ours or not {"cpu", "memory", "pids"} <= set(controllers.read_text().split()):
            return cls(None)
        groups = cls(folder)
        groups._make_room()
        return groups

    def _make_room(self) -> None:
        """A group whose subgroups have controllers may hold no process itself: ours move into one of them."""
        own = self.folder / OWN
        own.mkdir(exist_ok=True)
        for pid in (self.folder / "cgroup.procs").read_text().split():
            (own / "cgroup.procs").write_text(pid)
        (self.folder / "cgroup.subtree_control").write_text("+cpu +memory +pids")

    def of(self, database: str, figures: dict[str, int]) -> str | None:
        """The file into which a process of ``database`` writes "0" to be held by these figures; None without groups."""
        if not self.folder:
            return None
        group = self.folder / f"instance-{database}"
        group.mkdir(exist_ok=True)
        memory, share = figures["memory_mb"] * MEGABYTE, figures["cpu_percent"]
        quota = str(share * CPU_PERIOD // 100) if share else "max"
        values = {
            "memory.high": str(memory * 9 // 10),
            "memory.max": str(memory),
            "memory.swap.max": "0",
            "pids.max": str(figures["processes"]),
            "cpu.max": f"{quota} {CPU_PERIOD}",
            "cpu.idle": "0",  # before the weight, which an idle one has not
            "cpu.weight": "100",
        }
        for name, value in values.items():
            if (group / name).exists():
                (group / name).write_text(value)
        return str(group / "cgroup.procs")

    def let_wait(self, database: str, must_wait: bool) -> None:
        """Let the group of ``database`` run only when no other wants to: inside of it alone its processes would."""
        if self.folder:
            idle, value = self.folder / f"instance-{database}" / "cpu.idle", str(int(must_wait))
            with contextlib.suppress(OSError):  # its last process has just ended, or the kernel is an old one
                if idle.read_text().strip() != value:
                    idle.write_text(value)

    def end(self, database: str) -> None:
        """Kill whatever is left in the group of ``database``, and remove it as soon as it is empty."""
        if self.folder and (group := self.folder / f"instance-{database}").exists():
            (group / "cgroup.kill").write_text("1")
            with contextlib.suppress(OSError):
                group.rmdir()
