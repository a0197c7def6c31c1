"""Bring the machine to what a verb needs; what is there already costs nothing."""

import fcntl

from ..console import Phases
from ..paths import STATE, cache
from . import odoo_source, venv
from .apt import install_system_packages

# need -> {command: Debian package}
SYSTEM_PACKAGES = {
    "browser": {"chromium": "chromium"},
    "curl": {"curl": "curl"},
    "mail": {"dovecot": "dovecot-imapd"},
    "postfix": {"postfix": "postfix"},
    "dns": {"knotd": "knot", "named-checkzone": "bind9-utils", "opendkim": "opendkim"},
}
PYTHON = "python"
"""Every need implies the virtual environment; this one is nothing more."""


def ensure(needs: set[str]) -> Phases:
    """Set up what is missing, one process at a time; an interrupted set-up goes on where it stopped."""
    STATE.mkdir(parents=True, exist_ok=True)
    cache().mkdir(parents=True, exist_ok=True)
    phases = Phases()
    with (cache() / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not odoo_source.is_there():
            with phases.phase("Odoo 19.0"):
                odoo_source.fetch()
        if not venv.is_there():
            with phases.phase("Python packages"):
                venv.build()
            with phases.phase("compiling Odoo"):
                venv.compile_odoo()
        for need in sorted(needs & SYSTEM_PACKAGES.keys()):
            install_system_packages(SYSTEM_PACKAGES[need])
    return phases
