"""Where things live: the checkout, its state folder, the user's cache."""

import hashlib
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = Path(os.environ.get("LOKARIO_STATE") or ROOT / ".lokario")
SERVER_MODULES = ("lokario_gate",)
ADDONS = tuple(sorted({path.parent.name for path in ROOT.glob("*/__manifest__.py")} - set(SERVER_MODULES)))
# They stand on an app of Odoo's that the suite does without: its own database has neither, their tests install both.
OPTIONAL = ("email_engine_mass_mailing",)
SUITE = tuple(addon for addon in ADDONS if addon not in OPTIONAL)

SOCKET_FOLDER_LIMIT = 93  # bytes; the socket's own name takes the rest of the 107 of sun_path


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lokario"


def checkout_id() -> str:
    return hashlib.sha256(str(STATE).encode()).hexdigest()[:10]


def venv() -> Path:
    return cache() / f"venv-{sys.version_info.major}.{sys.version_info.minor}"


def venv_python() -> Path:
    return venv() / "bin" / "python"


def memory_folder() -> Path:
    """A folder for what may vanish with the next reboot: in memory where the machine has /dev/shm."""
    shm = Path("/dev/shm")
    base = shm if os.access(shm, os.W_OK) else Path(os.environ.get("TMPDIR", "/tmp"))
    return base / f"lokario-{os.getuid()}-{checkout_id()}"


def socket_folder(base: Path, name: str) -> Path:
    """The folder of a PostgreSQL socket; its path is short enough for sun_path on any checkout."""
    folder = base / "run" / name
    if len(os.fsencode(str(folder))) <= SOCKET_FOLDER_LIMIT:
        return folder
    return memory_folder() / "run" / name
