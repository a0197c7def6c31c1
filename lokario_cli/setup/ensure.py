"""Bring the machine to what a verb needs; what is there already costs nothing."""

import fcntl
import functools
import os
from pathlib import Path

from ..console import Failure, Phases
from ..paths import STATE, cache
from . import nginx, odoo_source, venv
from .apt import install_system_packages, missing_packages

# need -> {command: Debian packages}; without its sandbox, Chromium makes no PDF for ordinary users in containers
SYSTEM_PACKAGES = {
    "browser": {"chromium": "chromium chromium-sandbox"},
    "curl": {"curl": "curl"},
    "mail": {"dovecot": "dovecot-imapd"},
    "postfix": {"postfix": "postfix"},
    "dns": {"knotd": "knot", "named-checkzone": "bind9-utils", "opendkim": "opendkim"},
}
PYTHON = "python"
"""Every need implies the virtual environment; this one is nothing more."""


def ensure(needs: set[str]) -> Phases:
    """Set up what is missing, one process at a time; an interrupted set-up goes on where it stopped."""
    for folder, variable in ((STATE, "LOKARIO_STATE"), (cache(), "XDG_CACHE_HOME")):
        make_writable(folder, variable)
    with (cache() / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        due = list(what_is_missing(needs))
        phases = Phases(len(due))
        for name, bring in due:
            with phases.phase(name):
                bring()
    return phases


def make_writable(folder: Path, variable: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"{folder} cannot be made: {error.strerror}. Name another place in {variable}.") from error
    if not os.access(folder, os.W_OK):
        raise Failure(f"{folder} belongs to another user. Work as its owner, or name another place in {variable}.")


def what_is_missing(needs: set[str]):
    """(name, function that brings it) of what has to be set up, in order."""
    if not odoo_source.is_there():
        yield "Odoo 19.0", odoo_source.fetch
    if not venv.is_there():
        yield "Python packages", venv.build
        yield "compiling Odoo", venv.compile_odoo
    if "front" in needs and not nginx.program():
        yield "nginx", nginx.fetch
    wanted = {command: package for need in needs for command, package in SYSTEM_PACKAGES.get(need, {}).items()}
    if missing := missing_packages(wanted):
        yield f"Debian packages {' '.join(missing)}", functools.partial(install_system_packages, missing)
