"""DKIM keys and the TXT records that publish them (RFC 6376, 8301, 8463)."""

import base64
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

RSA_BITS = 2048  # RFC 8301: signers should use at least 2048; PowerMTA 5.0 signs with RSA only
MAX_STRING = 255  # bytes of one character-string of a TXT record (RFC 1035, 3.3.14)


@dataclass(frozen=True)
class KeyPair:
    """A private key (PEM, PKCS#8) and the text of its TXT record."""

    private_pem: str
    record: str


def generate(algorithm):
    """Return a new KeyPair; `algorithm` is "rsa" or "ed25519"."""
    if algorithm == "ed25519":
        private = ed25519.Ed25519PrivateKey.generate()
    else:
        private = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KeyPair(pem.decode(), record_of(private.public_key()))


def record_of(public_key):
    """Return the TXT record of a public key, in one piece."""
    if isinstance(public_key, ed25519.Ed25519PublicKey):
        kind, raw = "ed25519", public_key.public_bytes_raw()
    else:
        kind = "rsa"
        raw = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k={kind}; p={base64.b64encode(raw).decode()}"


def split_txt(text):
    """Return the character-strings of a TXT record: at most 255 bytes each, joined without space."""
    return [text[start : start + MAX_STRING] for start in range(0, len(text), MAX_STRING)] or [""]


def quote_txt(text):
    """Return a TXT record as one line of a zone file or a DNS panel."""
    return " ".join(f'"{part}"' for part in _escaped(text))


def _escaped(text):
    return [part.replace("\\", "\\\\").replace('"', '\\"') for part in split_txt(text)]


def zone_lines(records, ttl=3600):
    """Return lines for a BIND zone file from (name, type, value); TXT values are split and quoted.

    Names are absolute. Longer TXT records stand in parentheses, one string a line.
    """
    lines = []
    for name, kind, value in records:
        if kind == "TXT":
            parts = [f'"{part}"' for part in _escaped(value)]
            value = parts[0] if len(parts) == 1 else "( " + "\n\t\t".join(parts) + " )"
        lines.append(f"{name.rstrip('.')}.\t{ttl}\tIN\t{kind}\t{value}")
    return lines
