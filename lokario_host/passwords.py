"""Each log-in hashes a password 600,000 times: by the OpenSSL that `cryptography` brings, a quarter sooner."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from passlib.handlers import pbkdf2


def quicken() -> None:
    """Let passlib, by which Odoo checks passwords, ask :func:`derive`."""
    pbkdf2.pbkdf2_hmac = derive


def derive(digest: str, secret: str | bytes, salt: bytes, rounds: int, keylen: int) -> bytes:
    """What `passlib.crypto.digest.pbkdf2_hmac` returns."""
    secret = secret.encode() if isinstance(secret, str) else secret
    return PBKDF2HMAC(getattr(hashes, digest.upper())(), keylen, salt, rounds).derive(secret)
