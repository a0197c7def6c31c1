"""What the children's parent sees of the machine.

As root it gets a view of its own: other processes are out of sight, and of what belongs to the manager only the code
and the instances' folders are there. Otherwise instances are kept apart by their processes and database roles alone.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

HIDDEN = ("/root", "/home", "/tmp")  # noqa: S108  and what the manager names
UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--propagation", "private")
# $1: stage, then the hidden folders, "--", the shown ones, "--", the command.
VIEW = """
set -e
stage=$1; shift
mount -t tmpfs -o mode=755 lokario "$stage"
hidden=
while [ "$1" != -- ]; do hidden="$hidden $1"; shift; done; shift
while [ "$1" != -- ]; do
    mkdir -p "$stage/view$1"; mount --rbind "$1" "$stage/view$1"; shift
done; shift
for folder in $hidden; do
    if [ -d "$stage/view$folder" ]; then mount --rbind "$stage/view$folder" "$folder"
    elif [ "$folder" = /tmp ]; then mount -t tmpfs -o mode=1777 lokario /tmp
    elif [ -d "$folder" ]; then mount -t tmpfs -o mode=755 lokario "$folder"; fi
done
mount -t proc -o hidepid=2 proc /proc
exec "$@"
"""


@cache
def is_available() -> bool:
    """Whether this process may give others a view of their own."""
    if os.getuid() or not shutil.which("unshare"):
        return False
    trial = [*UNSHARE, "mount", "-t", "proc", "proc", "/proc"]
    return subprocess.run(trial, capture_output=True).returncode == 0


def command(arguments: list[str], shown: list[Path], hidden: list[Path], stage: Path) -> list[str]:
    """``arguments`` so that they run with a view of their own, where this machine can give one."""
    if not is_available():
        return arguments
    stage.mkdir(parents=True, exist_ok=True)
    shown = [str(path) for path in _outermost(shown)]
    hidden = [str(path) for path in _outermost([*map(Path, HIDDEN), *hidden])]
    return [*UNSHARE, "sh", "-c", VIEW, "sh", str(stage), *hidden, "--", *shown, "--", *arguments]


def code_folders() -> list[Path]:
    """Where Python, its packages and Odoo lie."""
    import odoo

    packages = [Path(entry).parent for entry in odoo.__path__]
    # Debian's package links to what lies beside its Python folder: …/usr/lib/python3/dist-packages, …/usr/share.
    trees = [path.parents[2] if path.name == "dist-packages" else path for path in packages]
    return [Path(path).resolve() for path in (sys.prefix, sys.base_prefix, *trees)]


def _outermost(paths: list[Path]) -> list[Path]:
    """Without those that lie inside another one."""
    unique = sorted(set(paths), key=lambda path: len(path.parts))
    return [path for path in unique if not any(other in path.parents for other in unique)]
