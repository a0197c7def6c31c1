"""The files in which Odoo keeps sessions, by whose they are."""

import json
from pathlib import Path

KEY_LENGTH, IDENTIFIER_LENGTH = 84, 42  # odoo/http.py: generate_key, STORED_SESSION_BYTES
FILES = f"??/{'?' * KEY_LENGTH}"


def identifiers_of(folder: str, database: str, login: str) -> set[str]:
    """Return the identifiers of the sessions in ``folder`` that name the login, also those no device log knows."""
    needle = json.dumps(login).encode()
    return {path.name[:IDENTIFIER_LENGTH] for path in Path(folder).glob(FILES) if _names(path, needle, database)}


def _names(path: Path, needle: bytes, database: str) -> bool:
    try:
        content = path.read_bytes()
        return needle in content and json.loads(content).get("db") in (database, None)
    except (OSError, ValueError):  # gone meanwhile, or being written
        return False
