"""What remembers deleted accounts outside the database, so that a restored backup does not bring them back.

One file for each database (by its uuid) in Odoo's data folder: a JSON line for each account with the deletion's
reference, a salt and a SHA-256. It contains no personal data.
"""

import hashlib
import json
import secrets
from pathlib import Path

from odoo.tools import config


def bury(database: str, reference: str, account: str) -> None:
    """Remember that ``account`` (whatever names it for good) was deleted; a line more does no harm."""
    salt = secrets.token_hex(16)
    line = json.dumps({"reference": reference, "salt": salt, "account": _hash(salt, account)})
    path = _path(database)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(f"{line}\n")


def unknown(database: str, references: set[str]) -> list[dict]:
    """Return the tombstones of deletions that the database does not know."""
    path = _path(database)
    lines = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return [tombstone for tombstone in lines if tombstone["reference"] not in references]


def is_of(tombstone: dict, account: str) -> bool:
    return secrets.compare_digest(tombstone["account"], _hash(tombstone["salt"], account))


def _hash(salt: str, account: str) -> str:
    return hashlib.sha256(f"{salt}|{account}".encode()).hexdigest()


def _path(database: str) -> Path:
    return Path(config["data_dir"]) / "lokario" / f"deleted-accounts-{database}.jsonl"
