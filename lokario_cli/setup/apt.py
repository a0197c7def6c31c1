"""Debian packages: installed when root, or fetched with an isolated apt that leaves the system alone."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from ..console import Failure

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def mirror() -> str:
    """The machine's own Debian mirror, read from its apt configuration."""
    lists = [*Path("/etc/apt/sources.list.d").glob("*"), Path("/etc/apt/sources.list")]
    for path in sorted(lists, key=lambda entry: "debian" not in entry.name):
        if path.is_file():
            for uri in re.findall(r"^(?:URIs:|deb(?: \[.*\])?) *(\S+)", path.read_text(), re.MULTILINE):
                if uri.rstrip("/").endswith("/debian"):
                    return uri
    raise Failure(
        "No Debian mirror is configured on this machine. Put Odoo 19.0 into a folder and name it in ODOO_HOME."
    )


class PrivateApt:
    """An apt with its own lists and cache below one folder; nothing is ever installed by it.

    Signatures are always checked. ``check_date=False`` waives Valid-Until for a source whose content is known
    by a pinned checksum: some mirrors serve an old snapshot of the moving suites.
    """

    def __init__(self, folder: Path, suite: str, check_date: bool = True):
        self._folder = folder / suite
        self._suite = suite
        self._check_date = check_date

    def update(self) -> None:
        for name in ("lists/partial", "cache/archives/partial", "parts"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._folder / "status").touch()
        source = f"Types: deb\nURIs: {mirror()}\nSuites: {self._suite}\nComponents: main\nSigned-By: {KEYRING}\n"
        if not self._check_date:
            source += "Check-Valid-Until: no\n"
        (self._folder / "parts" / "source.sources").write_text(source)
        (self._folder / "apt.conf").write_text(self._configuration())
        # Alone, apt only warns about an index it could not fetch.
        self._run("apt-get", "-q", "-o", "APT::Update::Error-Mode=any", "update")

    def candidate(self, package: str) -> str:
        """The version of the package in this suite, "" when it has none."""
        found = re.search(r"Candidate: (\S+)", self._run("apt-cache", "policy", package))
        return found.group(1) if found and found.group(1) != "(none)" else ""

    def download(self, packages: list[str]) -> list[Path]:
        target = self._folder / "debs"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        self._run("apt-get", "-q", "download", *packages, cwd=target)
        return sorted(target.glob("*.deb"))

    def _configuration(self) -> str:
        folder = self._folder
        return "\n".join(
            f'{key} "{value}";'
            for key, value in {
                "Dir::Etc::sourcelist": "/dev/null",
                "Dir::Etc::sourceparts": folder / "parts",
                "Dir::Etc::preferencesparts": "/dev/null",
                "Dir::Etc::parts": "/dev/null",
                "Dir::State": folder,
                "Dir::State::Lists": folder / "lists",
                "Dir::State::status": folder / "status",
                "Dir::Cache": folder / "cache",
                "Acquire::Languages": "none",
            }.items()
        )

    def _run(self, *command: str, cwd: Path | None = None) -> str:
        environment = {**os.environ, "APT_CONFIG": str(self._folder / "apt.conf"), "LC_ALL": "C"}
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
        if done.returncode:
            reason = next((line for line in done.stderr.splitlines() if line.startswith("E:")), done.stderr.strip())
            raise Failure(f"Debian's packages could not be reached ({reason}). Check the network and run it again.")
        return done.stdout


def unpack(deb: Path, target: Path, exclude: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> None:
    """Unpack a .deb below target, without the excluded patterns or with the named patterns alone."""
    target.mkdir(parents=True, exist_ok=True)
    stream = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE)
    command = ["tar", "-x", "-C", str(target), "--no-same-owner", "--wildcards"]
    command += [f"--exclude={pattern}" for pattern in exclude]
    subprocess.run([*command, *only], stdin=stream.stdout, check=True)
    stream.stdout.close()
    if stream.wait():
        raise Failure(f"{deb.name} is damaged; run the same command again.")


def missing_packages(packages: dict[str, str]) -> list[str]:
    """The Debian packages of those commands that this machine lacks, from ``{command: packages}``."""
    return sorted({name for command, names in packages.items() if not find_command(command) for name in names.split()})


def install_system_packages(missing: list[str]) -> None:
    """Install Debian packages: as root or through sudo, else say what to do."""
    if not shutil.which("apt-get"):
        raise Failure(f"Please install: {' '.join(missing)} (this machine has no apt-get).")
    prefix = [] if os.getuid() == 0 else ["sudo"]
    if prefix and not shutil.which("sudo"):
        raise Failure(f"Please let an administrator run: apt-get install {' '.join(missing)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = [*prefix, "apt-get", "install", "-q", "-y", "--no-install-recommends", *missing]
    for command in ([*prefix, "apt-get", "-q", "update"], install):
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
            raise Failure(f"apt-get could not install {' '.join(missing)}: {reason}")


def find_command(command: str) -> str | None:
    """The path of a command, also where ordinary users' PATH does not look (/usr/sbin)."""
    return shutil.which(command) or shutil.which(command, path="/usr/sbin:/sbin")
