"""Programs from PyPI that judge or use ours, each in a virtual environment of its own: their dependencies do not meet
the project's."""

import shutil
import subprocess
import sys
from pathlib import Path

from lokario_cli.console import Failure
from lokario_cli.paths import cache, venv


def bin_folder(package: str, version: str) -> Path:
    """The folder of its command line and interpreter, installed at first use."""
    folder = cache() / f"{package}-{version}"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        uv = str(venv() / "bin" / "uv")
        for command in (
            ["venv", "-q", "--python", sys.executable, str(folder)],
            ["pip", "install", "-q", "--python", str(folder / "bin" / "python"), f"{package}=={version}"],
        ):
            done = subprocess.run([uv, *command], capture_output=True, text=True)
            if done.returncode:
                raise Failure(f"{package} could not be installed from PyPI: {done.stderr.strip()[-500:]}")
        (folder / "ready").touch()
    return folder / "bin"
