"""Names that come back: the envelope sender, the job and the opaque tokens of one recipient."""

import base64
import hashlib
import hmac
import re
from typing import NamedTuple

_JOB = re.compile(r"t(\d{1,9})-c(\d{1,9})-k(\d{1,9})")
_VERP = re.compile(r"b-([a-z2-7]{26})(?:-[^@]*)?@.*", re.IGNORECASE)
_DIGEST = 8  # bytes: 64 bits that cannot be guessed
_ID = 8


class Job(NamedTuple):
    tenant_id: int
    campaign_id: int
    chunk_id: int


def job_name(tenant_id, campaign_id, chunk_id):
    """X-Job: the only key PowerMTA gives back in every d, b and t row (no white space allowed)."""
    return f"t{tenant_id}-c{campaign_id}-k{chunk_id}"


def parse_job(text):
    """`Job` of an X-Job value of ours, or None."""
    found = _JOB.fullmatch(text)
    return Job(*map(int, found.groups())) if found else None


def token(secret, purpose, record_id):
    """Opaque, unforgeable 26-character token of one record for one purpose.

    secret: bytes. Lower-case base32, so that it survives mail servers that fold case.
    """
    identity = record_id.to_bytes(_ID, "big")
    digest = hmac.new(secret, purpose.encode() + b"\0" + identity, hashlib.sha256).digest()[:_DIGEST]
    masked = bytes(a ^ b for a, b in zip(identity, _mask(secret, purpose, digest), strict=True))
    return base64.b32encode(digest + masked).decode().rstrip("=").lower()


def read_token(secret, purpose, text):
    """Record id of a token made by `token`, or None."""
    try:
        data = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError:
        return None
    if len(data) != _DIGEST + _ID:
        return None
    mask = _mask(secret, purpose, data[:_DIGEST])
    record_id = int.from_bytes(bytes(a ^ b for a, b in zip(data[_DIGEST:], mask, strict=True)), "big")
    if record_id >= 2**31 or not hmac.compare_digest(token(secret, purpose, record_id), text.lower()):
        return None
    return record_id


def envelope_sender(token_, domain):
    """VERP: an envelope sender of one message only, so that every bounce names its recipient."""
    return f"b-{token_}@{domain}"


def token_of_sender(sender):
    """Token inside an envelope sender of ours, or None; PowerMTA's own VERP suffix is ignored."""
    found = _VERP.fullmatch(sender.strip("<> "))
    return found[1].lower() if found else None


def _mask(secret, purpose, digest):
    return hmac.new(secret, b"mask\0" + purpose.encode() + digest, hashlib.sha256).digest()[:_ID]
