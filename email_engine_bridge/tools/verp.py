"""Names that come back: the envelope sender, the job and the opaque tokens of one recipient."""

import hmac
import re
from hashlib import blake2b
from typing import NamedTuple

_JOB = re.compile(r"t(\d{1,9})-c(\d{1,9})-k(\d{1,9})")
_TRIAL = re.compile(r"trial-t\d{1,9}-c\d{1,9}-[0-9a-f]{8}")
_VERP = re.compile(r"b-([0-9a-f]{32})(?:-[^@]*)?@.*", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"([0-9a-f]{32})@.*", re.IGNORECASE)
_DIGEST = 8  # bytes: 64 bits that cannot be guessed
_ID = 8


class Job(NamedTuple):
    tenant_id: int
    campaign_id: int
    chunk_id: int


def job_name(tenant_id, campaign_id, chunk_id):
    """X-Job: the only key PowerMTA gives back in every d, b and t row (no white space allowed)."""
    return f"t{tenant_id}-c{campaign_id}-k{chunk_id}"


def trial_name(tenant_id, campaign_id, suffix):
    """X-Job of a trial; suffix: eight hexadecimal digits of its own."""
    return f"trial-t{tenant_id}-c{campaign_id}-{suffix}"


def is_job_of_ours(text):
    """Whether a mail with this X-Job came from our campaigns or trials, which count what they hand over."""
    return bool(_JOB.fullmatch(text) or _TRIAL.fullmatch(text))


def parse_job(text):
    """`Job` of an X-Job value of ours, or None."""
    found = _JOB.fullmatch(text)
    return Job(*map(int, found.groups())) if found else None


def token(secret, purpose, record_id):
    """Opaque, unforgeable 32-character token of one record for one purpose.

    secret: bytes, 64 at most. A keyed BLAKE2b is a MAC as it is (RFC 7693). Hexadecimal, because
    some mail servers fold case.
    """
    digest = blake2b(b"%d" % record_id, digest_size=_DIGEST, key=secret, person=purpose.encode()).digest()
    return digest.hex() + f"{record_id ^ _mask(secret, purpose, digest):0{2 * _ID}x}"


def read_token(secret, purpose, text):
    """Record id of a token made by `token`, or None."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return None
    if len(data) != _DIGEST + _ID:
        return None
    record_id = int.from_bytes(data[_DIGEST:], "big") ^ _mask(secret, purpose, data[:_DIGEST])
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


def token_of_message_id(message_id):
    """Token inside a Message-ID of ours, or None: a complaint may show it alone."""
    found = _MESSAGE_ID.fullmatch(message_id.strip("<> "))
    return found[1].lower() if found else None


def _mask(secret, purpose, digest):
    masked = blake2b(digest, digest_size=_ID, key=secret, person=purpose.encode(), salt=b"mask").digest()
    return int.from_bytes(masked, "big")
