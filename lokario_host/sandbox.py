"""What the children's parent sees of the machine.

As root it gets a view of its own: other processes are out of sight, and of what belongs to the manager only the code
and the instances' folders are there. Where the kernel does not let root do that (a container without CAP_SYS_ADMIN)
each instance still has a user of its own. Otherwise they are kept apart by their processes and database roles alone.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

OPEN = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  everybody may write there; each instance has its own
HIDDEN = ("/root", "/home", *OPEN)  # and what the manager names
ROOM = "64m"  # for what is written to those by instances that share one
UNSHARE = ("unshare", "--mount", "--ipc", "--pid", "--fork", "--kill-child=SIGKILL", "--propagation", "private")
STAGE = "/run/lokario-host"  # where a view is put together; empty again afterwards
# The shown folders, "--", the hidden ones, "--", the command.
VIEW = f"""
set -e
umask 022
stage={STAGE}
mkdir -p "$stage"
mount -t tmpfs -o mode=755,size={ROOM} lokario "$stage"
while [ "$1" != -- ]; do
    mkdir -p "$stage/view$1"; mount --rbind "$1" "$stage/view$1"; shift
done; shift
while [ "$1" != -- ]; do
    mode=755; case " {" ".join(OPEN)} " in *" $1 "*) mode=1777;; esac
    if [ -d "$stage/view$1" ]; then chmod $mode "$stage/view$1"; mount --rbind "$stage/view$1" "$1"
    elif [ -d "$1" ]; then mount -t tmpfs -o mode=$mode,size={ROOM} lokario "$1"; fi
    shift
done; shift
umount -l "$stage"
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


def command(arguments: list[str], shown: list[Path], hidden: list[Path]) -> list[str]:
    """``arguments`` so that they run with a view of their own, where this machine can give one."""
    if not is_available():
        return arguments
    closed = [folder for path in shown for folder in path.parents if _is_closed(folder)]
    hidden = [str(path) for path in _outermost([*map(Path, HIDDEN), *hidden, *closed])]
    return [*UNSHARE, "sh", "-c", VIEW, "sh", *map(str, _outermost(shown)), "--", *hidden, "--", *arguments]


def problem() -> str:
    """Why this machine cannot run instances as users of their own; "" when it can, or is not root."""
    if os.getuid() or is_available():
        return ""
    closed = next((folder for path in code_folders() for folder in (path, *path.parents) if _is_closed(folder)), None)
    if not closed:
        return ""
    return (
        f"the users of instances cannot read the code below {closed}, and this machine lets root make no view "
        "of its own (CAP_SYS_ADMIN): keep the suite and its cache (XDG_CACHE_HOME) where everybody may read"
    )


def own_folders(shown: list[Path]) -> list[str]:
    """Where everybody may write and nothing of ``shown`` lies: an instance can have others in their place."""
    taken = {folder for path in shown for folder in (path, *path.parents)}
    return [folder for folder in OPEN if Path(folder) not in taken] if is_available() else []


def _is_closed(folder: Path) -> bool:
    return not folder.stat().st_mode & 0o001


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
