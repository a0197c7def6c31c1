"""Authenticated encryption of small secrets, with numbered keys.

A sealed secret is the text ``lk1:<key id>:<base64 of nonce and ciphertext>``: AES-256-GCM (NIST SP 800-38D) with a
random nonce of 96 bits. The context (who owns the secret) is authenticated with it, so a ciphertext that is moved to
another owner cannot be opened.
"""

import base64
import binascii
import os
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PREFIX = "lk1"
KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class VaultError(Exception):
    """A key list or a sealed secret cannot be used."""


class BadKeys(VaultError):
    """The configured key list is not ``id:base64[,id:base64…]``."""


class NoKey(VaultError):
    """No key is configured."""


class Unreadable(VaultError):
    """The key is gone, or the text was altered or moved to another owner."""


def parse_keys(text: str) -> dict[str, bytes]:
    """Return the keys of ``id:base64,id:base64``, newest first, as ``{id: 32 bytes}``."""
    keys: dict[str, bytes] = {}
    for item in filter(None, re.split(r"[,\s]+", text)):
        key_id, _sep, encoded = item.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as err:
            raise BadKeys(f"key {key_id[:32]!r} is not base64") from err
        if not KEY_ID.fullmatch(key_id) or len(key) != KEY_BYTES or key_id in keys:
            raise BadKeys(f"key {key_id[:32]!r} needs a name of its own and {KEY_BYTES} bytes")
        keys[key_id] = key
    return keys


class Vault:
    """Seals with the newest key, opens with any known one."""

    def __init__(self, keys: dict[str, bytes]):
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.newest = next(iter(keys), None)

    def seal(self, plain: str, context: str) -> str:
        """Return ``plain`` encrypted for the owner that ``context`` names."""
        if self.newest is None:
            raise NoKey("no key is configured")
        nonce = os.urandom(NONCE_BYTES)
        body = self._ciphers[self.newest].encrypt(nonce, plain.encode(), context.encode())
        return f"{PREFIX}:{self.newest}:{base64.b64encode(nonce + body).decode()}"

    def unseal(self, sealed: str, context: str) -> str:
        """Return the plain text of ``sealed``, for the same ``context`` it was sealed with."""
        prefix, key_id, encoded = [*sealed.split(":", 2), "", ""][:3]
        cipher = self._ciphers.get(key_id)
        if prefix != PREFIX or cipher is None:
            raise Unreadable(f"key {key_id[:32]!r} is not configured")
        try:
            raw = base64.b64decode(encoded, validate=True)
            return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], context.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError) as err:
            raise Unreadable("the text was altered or belongs to another record") from err
