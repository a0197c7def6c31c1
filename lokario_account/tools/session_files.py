"""The files in which Odoo keeps sessions: one pass over them for all accounts that end in a night."""

import json
from collections.abc import Iterator
from pathlib import Path

KEY_LENGTH, IDENTIFIER_LENGTH = 84, 42  # odoo/http.py: generate_key, STORED_SESSION_BYTES
FILES = f"??/{'?' * KEY_LENGTH}"


def sessions(folder: str, database: str) -> Iterator[tuple[str, str, str]]:
    """Yield identifier, user (u5) and text of each session of the database, and of those that have none yet."""
    for path in Path(folder).glob(FILES):
        try:
            text = path.read_text(errors="replace")
            content = json.loads(text)
        except (OSError, ValueError):  # gone meanwhile, or being written
            continue
        if content.get("db") in (database, None):
            yield path.name[:IDENTIFIER_LENGTH], f"u{content.get('uid')}", text
