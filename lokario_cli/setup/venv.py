"""The virtual environment: what requirements.lock names, hash by hash, and Odoo as a tiny wheel of our own."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from ..console import Failure
from ..paths import ROOT, STATE, cache, venv, venv_python
from . import odoo_source

REQUIREMENTS = ROOT / "requirements.txt"
LOCK = ROOT / "requirements.lock"
LOCK_HEAD = "# All of requirements.txt and what it needs, by the hashes of PyPI. Made by `./lokario lint --lock`.\n"
OLDEST_PYTHON = "3.11"
STAMP = "lokario-lock"
INSTALLERS = ("uv", "setuptools")  # the rest is installed, and built where PyPI has no wheel, with these
NO_NETWORK = "Check that PyPI can be reached, then run the same command again: it goes on where it stopped."
METADATA = "Metadata-Version: 2.1\nName: odoo\nVersion: 19.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: lokario\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
# `python -m odoo` restarts its websocket process for ever; a start script does not.
START_SCRIPT = "#!python\nimport odoo.cli\n\nodoo.cli.main()\n"


def debian_python() -> Path | None:
    """Debian's own Python of the running version, if it can make environments.

    Debian compiles by profile, pyenv and others seldom do: the same code takes them a fifth longer.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    program = Path("/usr/bin") / version
    return program if program.exists() and Path("/usr/lib", version, "ensurepip").exists() else None


def fingerprint() -> str:
    """Changes when the packages, Odoo's place or Python change."""
    parts = [LOCK.read_text(), str(odoo_source.home()), str(debian_python() or sys.version), START_SCRIPT]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def is_there() -> bool:
    stamp = venv() / STAMP
    return stamp.exists() and stamp.read_text() == fingerprint()


def build() -> None:
    base = debian_python() or Path(sys.executable)
    if not _is_made_from(base):
        shutil.rmtree(venv(), ignore_errors=True)
        _run([str(base), "-m", "venv", str(venv())], "Please install Debian's python3-venv.")
    python = str(venv_python())
    with tempfile.NamedTemporaryFile("w", suffix=".lock") as installers:
        installers.write("\n".join(text for name, text in locked() if name in INSTALLERS))
        installers.flush()
        pip = [python, "-m", "pip", "install", "-q", "--retries", "2", "--no-deps", "--require-hashes"]
        _run([*pip, "-r", installers.name], NO_NETWORK)
    install = [str(venv() / "bin" / "uv"), "pip", "install", "-q", "--python", python, "--no-deps"]
    _run([*install, "--require-hashes", "--no-build-isolation", "-r", str(LOCK)], NO_NETWORK)
    _run([*install, str(_odoo_wheel())], NO_NETWORK)
    (venv() / STAMP).write_text(fingerprint())


def _is_made_from(base: Path) -> bool:
    whole = (venv() / "bin" / "pip").exists()  # what `-m venv` makes last
    return whole and f"home = {base.parent}\n" in (venv() / "pyvenv.cfg").read_text()


def locked() -> list[tuple[str, str]]:
    """(name, its lines in the lock) of each package, once for each range of Pythons that needs a version of its own."""
    blocks = re.split(r"\n(?=\S)", LOCK.read_text().strip())
    return [(re.match(r"[\w.-]+", block)[0], block) for block in blocks if not block.startswith("#")]


def lock() -> None:
    """Write the lock anew, for each Python and machine that the suite runs on; our own wheel has no hash to keep."""
    command = [str(venv() / "bin" / "uv"), "pip", "compile", "-q", "--universal", "--python-version", OLDEST_PYTHON]
    options = ["--generate-hashes", "--no-annotate", "--no-header", "--find-links", str(_odoo_wheel().parent)]
    _run([*command, *options, "--output-file", str(LOCK), str(REQUIREMENTS)], NO_NETWORK)
    LOCK.write_text(LOCK_HEAD + "\n".join(text for name, text in locked() if name != "odoo") + "\n")


def compile_odoo() -> None:
    """Compile Odoo once: environments that forbid writing bytecode would parse it at every start."""
    stamp = odoo_source.home() / f".compiled-{sys.implementation.cache_tag}"
    if not stamp.exists() and os.access(odoo_source.home(), os.W_OK):
        folder = str(odoo_source.home() / "odoo")
        subprocess.run([str(venv_python()), "-m", "compileall", "-q", "-j", "0", folder], check=False)
        stamp.touch()


def _odoo_wheel() -> Path:
    """A wheel that points to the Odoo tree, so that resolvers know `odoo` is there."""
    wheel = cache() / "wheel" / "odoo-19.0-py3-none-any.whl"
    wheel.parent.mkdir(parents=True, exist_ok=True)
    files = {
        "odoo_core.pth": f"{odoo_source.home()}\n",
        "odoo-19.0.data/scripts/odoo": START_SCRIPT,
        "odoo-19.0.dist-info/METADATA": METADATA,
        "odoo-19.0.dist-info/WHEEL": WHEEL,
    }
    record = "".join(f"{name},,\n" for name in [*files, "odoo-19.0.dist-info/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, "odoo-19.0.dist-info/RECORD": record}.items():
            archive.writestr(name, text)
    return wheel


def _run(command: list[str], advice: str) -> None:
    environment = {**os.environ, "UV_SYSTEM_CERTS": "1"}  # a company's own authority is known to the system alone
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        log = STATE / "logs" / "setup.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        raise Failure(f"The Python packages could not be installed (what pip said: {log}). {advice}")
