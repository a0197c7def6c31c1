"""nginx, the web server in front: the machine's own, or Debian's unpacked into the cache."""

import subprocess
from pathlib import Path

from ..console import Failure
from ..paths import cache
from .apt import PrivateApt, find_command, unpack


def program() -> Path | None:
    """Where nginx is; None before :func:`fetch`."""
    unpacked = cache() / "nginx" / "usr" / "sbin" / "nginx"
    found = find_command("nginx")
    return Path(found) if found else unpacked if unpacked.exists() else None


def fetch() -> None:
    """Unpack the package of the machine's own Debian release; nothing is installed over the system."""
    release = subprocess.run(["sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME"], capture_output=True, text=True)
    packages = PrivateApt(cache() / "apt", release.stdout.strip())
    packages.update()
    for deb in packages.download(["nginx"]):
        unpack(deb, cache() / "nginx", only=("./usr/sbin/nginx",))
    if subprocess.run([program(), "-v"], capture_output=True).returncode:
        raise Failure("Debian's nginx does not run here: apt-get install nginx-light")
